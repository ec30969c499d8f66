// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/scale.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(scale_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto x = random_tensor<float>({3, 7}, 1);
  const auto y = scale(x, 0.1), z = add_scalar(x, 0.1);
  for (std::int64_t i = 0; i < x.count(); ++i) {
    BOOST_TEST(y.data()[i] == 0.1f * x.data()[i]);
    BOOST_TEST(z.data()[i] == 0.1f + x.data()[i]);
  }
  BOOST_TEST(std::signbit(scale(Tensor<float>::zeros({}), -1).item()));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 0, 3}}) {
    const auto x = random_tensor(shape, 1);
    check_gradient([](const auto& in) { return scale(in[0], -2.5); }, {x});
    check_gradient([](const auto& in) { return add_scalar(in[0], 3); }, {x});
    check_gradient([](const auto& in) { return silu(add_scalar(silu(in[0]), 3)); }, {x});
  }
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return scale(in[0], 0.7); }, {{5, 33}});
  check_bfloat16([](const auto& in) { return add_scalar(in[0], 0.7); }, {{5, 33}});
}

BOOST_AUTO_TEST_SUITE_END()
