// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/weighted_sum.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(weighted_sum_op)

BOOST_AUTO_TEST_CASE(values) {
  // 5000 elements: more than one cached piece.
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{3, 7}, Shape{5000}}) {
    const auto a = random_tensor(shape, 1), b = random_tensor(shape, 2), c = random_tensor(shape, 3);
    const auto y = weighted_sum<double, Cpu>({{0.5, a}, {-2, b}, {3.25, c}}),
               single = weighted_sum<double, Cpu>({{2, a}});
    BOOST_TEST(y.shape().string() == shape.string());
    std::vector<double> expected, twice;
    for (std::int64_t i = 0; i < shape.count(); ++i) {
      expected.push_back(0.5 * a.data()[i] - 2 * b.data()[i] + 3.25 * c.data()[i]);
      twice.push_back(2 * a.data()[i]);
    }
    BOOST_TEST(relative_error(y.to_host(), expected) < 1e-15);
    BOOST_TEST((single.to_host() == twice));
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}}) {
    check_gradient(
        [](const auto& in) {
          return weighted_sum<double, Cpu>({{0.5, in[0]}, {-2, in[1]}, {1, in[0]}});
        },
        {random_tensor(shape, 1), random_tensor(shape, 2)});
  }
}

BOOST_AUTO_TEST_CASE(errors) {
  BOOST_CHECK_THROW((weighted_sum<float, Cpu>({})), ValueError);
  BOOST_CHECK_EXCEPTION(
      (weighted_sum<double, Cpu>({{1, random_tensor({2, 3}, 1)}, {1, random_tensor({3}, 1)}})), ShapeError,
      [](const auto& e) {
        return std::string(e.what()) == "[weighted_sum] expected tensors of one shape, (2, 3), got (3)";
      });
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16(
      [](const auto& in) {
        using T = typename std::decay_t<decltype(in[0])>::value_type;
        return weighted_sum<T, Cpu>({{0.3, in[0]}, {-1.7, in[1]}, {2.0, in[0]}});
      },
      {{50, 61}, {50, 61}});
}

BOOST_AUTO_TEST_SUITE_END()
