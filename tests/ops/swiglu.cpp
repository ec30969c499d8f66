// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/silu.hpp>
#include <pixnerd/ops/swiglu.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(swiglu_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto a = random_tensor<float>({3, 77}, 1), b = random_tensor<float>({3, 77}, 2);
  std::vector<double> expected;
  for (std::int64_t i = 0; i < a.count(); ++i) {
    const double x = a.data()[i];
    expected.push_back(x / (1 + std::exp(-x)) * b.data()[i]);
  }
  BOOST_TEST(relative_error(swiglu(a, b).to_host(), expected) < 2e-7);
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 0, 3}}) {
    const auto a = random_tensor(shape, 1), b = random_tensor(shape, 2);
    check_gradient([](const auto& in) { return swiglu(in[0], in[1]); }, {a, b});
    check_gradient([](const auto& in) { return swiglu(in[0], in[0]); }, {a});
    check_gradient([&](const auto& in) { return swiglu(in[0], b); }, {a});
    check_gradient([&](const auto& in) { return swiglu(a, in[0]); }, {b});
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_differ) {
  BOOST_CHECK_EXCEPTION(
      swiglu(random_tensor({2, 3}, 1), random_tensor({3}, 2)), ShapeError, [](const auto& e) {
        return std::string(e.what()) == "[swiglu] expected a and b of one shape, got (2, 3) and (3)";
      });
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return swiglu(in[0], in[1]); }, {{3, 67}, {3, 67}});
  check_bfloat16([](const auto& in) { return swiglu(in[0], in[0]); }, {{3, 67}});
}

BOOST_AUTO_TEST_SUITE_END()
