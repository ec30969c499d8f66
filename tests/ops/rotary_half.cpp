// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/ops/rotary_half.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(rotary_half_op)

BOOST_AUTO_TEST_CASE(halves_are_real_and_imaginary_parts) {
  // Two positions of one head; the second turns by a quarter, and by 0.5.
  const auto table =
      Tensor<double>::from_host({2, 4}, std::vector<double>{1, 1, 0, 0, 0, std::cos(0.5), 1, std::sin(0.5)});
  const auto x = Tensor<double>::from_host({1, 2, 1, 4}, std::vector<double>{1, 2, 3, 4, 1, 2, 3, 4});
  const auto y = rotary_half(x, table).to_host();
  const double expected[] = {
      1, 2, 3, 4, -3, 2 * std::cos(0.5) - 4 * std::sin(0.5), 1, 4 * std::cos(0.5) + 2 * std::sin(0.5)};
  for (std::size_t i = 0; i < 8; ++i) BOOST_TEST(std::abs(y[i] - expected[i]) < 1e-12);
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{2, 3, 2, 4}, Shape{1, 1, 1, 2}, Shape{0, 3, 2, 4}}) {
    const auto table = random_tensor({shape[1], shape[3]}, 2);
    check_gradient([&](const auto& in) { return rotary_half(in[0], table); }, {random_tensor(shape, 1)});
  }
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  const auto table =
      Tensor<float>::from_host({2, 4}, std::vector<float>{1, 0.5f, 0, 0.8f, 0.6f, -1, 0.8f, 0});
  check_bfloat16([&](const auto& in) { return rotary_half(in[0], table); }, {{3, 2, 2, 4}});
}

BOOST_AUTO_TEST_CASE(bad_shapes) {
  const auto table = random_tensor({3, 4}, 1);
  BOOST_CHECK_THROW(rotary_half(random_tensor({2, 2, 1, 4}, 1), table), ShapeError);
  BOOST_CHECK_THROW(rotary_half(random_tensor({2, 3, 1, 2}, 1), table), ShapeError);
  BOOST_CHECK_THROW(rotary_half(random_tensor({2, 3, 4}, 1), table), ShapeError);
  BOOST_CHECK_THROW(rotary_half(random_tensor({2, 3, 1, 3}, 1), random_tensor({3, 3}, 1)), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
