// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/scale.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cast_op)

BOOST_AUTO_TEST_CASE(values) {
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{3, 7}}) {
    const auto x = random_tensor(shape, 1);
    const auto single = cast<float>(x);
    const auto half = cast<bfloat16>(x), same = cast<bfloat16>(single);
    const auto back = cast<double>(half);
    BOOST_TEST(half.shape().string() == shape.string());
    for (std::int64_t i = 0; i < x.count(); ++i) {
      const auto value = static_cast<float>(x.data()[i]);
      BOOST_TEST(single.data()[i] == value);
      BOOST_TEST(half.data()[i].bits == bfloat16(value).bits);
      BOOST_TEST(same.data()[i].bits == bfloat16(value).bits);
      BOOST_TEST(back.data()[i] == double(float(half.data()[i])));
    }
  }
  const auto x = random_tensor({3}, 1);
  BOOST_TEST(cast<double>(x).data() == x.data());
}

BOOST_AUTO_TEST_CASE(gradient_is_converted_back) {
  auto x = random_tensor({3, 5}, 1);
  require_grad(x);
  const auto r = random_tensor<float>({3, 5}, 2);
  {
    Tape tape;
    const auto y = cast<float>(x);
    tape.backward(y, r);
  }
  for (std::int64_t i = 0; i < 15; ++i) BOOST_TEST(grad(x).data()[i] == double(r.data()[i]));
  {
    // Into a gradient that holds something already, by way of bfloat16.
    Tape tape;
    const auto y = cast<float>(cast<bfloat16>(x)) + cast<float>(x);
    tape.backward(y, copy(r));
  }
  for (std::int64_t i = 0; i < 15; ++i) {
    const float rounded = float(bfloat16(r.data()[i]));
    BOOST_TEST(grad(x).data()[i] == 2 * double(r.data()[i]) + double(rounded),
               boost::test_tools::tolerance(1e-15));
  }
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return scale(cast<float>(in[0]), 3.0); }, {{3, 5}});
  check_bfloat16([](const auto& in) { return cast<bfloat16>(scale(widened(in[0]), 3.0)); }, {{3, 5}});
}

BOOST_AUTO_TEST_SUITE_END()
