// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <vector>

#include <pixnerd/ops/cpu/unary.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_unary_test)

namespace {

struct Square {
  template <class W>
  static W value(W x) {
    return x * x;
  }
  template <class W>
  static W slope(W x) {
    return 2 * x;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(value_and_slope_of_every_element) {
  const std::vector<double> x{-3, 0, 0.5, 2}, grad_y{1, 2, 4, 8};
  std::vector<double> y(4), grad_x{10, 10, 10, 10};
  cpu_unary<Square>(4, x.data(), y.data());
  BOOST_TEST((y == std::vector<double>{9, 0, 0.25, 4}));
  cpu_unary_backward<Square>(4, x.data(), grad_y.data(), GradTarget<double>{grad_x.data(), true});
  BOOST_TEST((grad_x == std::vector<double>{4, 10, 14, 42}));
  cpu_unary_backward<Square>(4, x.data(), grad_y.data(), GradTarget<double>{grad_x.data()});
  BOOST_TEST((grad_x == std::vector<double>{-6, 0, 4, 32}));
}

BOOST_AUTO_TEST_CASE(bfloat16_is_computed_in_float32) {
  const std::vector<bfloat16> x{bfloat16(1.0078125f)};
  std::vector<bfloat16> y(1);
  cpu_unary<Square>(1, x.data(), y.data());
  BOOST_TEST((y[0] == bfloat16(1.0078125f * 1.0078125f)));
}

BOOST_AUTO_TEST_SUITE_END()
