// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/linear.hpp>
#include <pixnerd/ops/pixel_embedding.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(pixel_embedding_op)

BOOST_AUTO_TEST_CASE(equals_linear_of_values_beside_coordinates) {
  const std::int64_t patches = 5, pixels = 6, values = 3, coordinates = 7, features = 9;
  const auto x = random_tensor<float>({patches, pixels, values}, 1),
             c = random_tensor<float>({pixels, coordinates}, 2);
  const auto weight = random_tensor<float>({features, values + coordinates}, 3),
             bias = random_tensor<float>({features}, 4);
  std::vector<float> beside;
  for (std::int64_t row = 0; row < patches * pixels; ++row) {
    beside.insert(beside.end(), x.data() + row * values, x.data() + (row + 1) * values);
    const float* at = c.data() + row % pixels * coordinates;
    beside.insert(beside.end(), at, at + coordinates);
  }
  const auto expected =
      linear(Tensor<float>::from_host({patches, pixels, values + coordinates}, beside), weight, bias);
  BOOST_TEST(relative_error(pixel_embedding(x, c, weight, bias).to_host(), expected.to_host()) < 1e-6);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][5] = {
      {1, 1, 1, 1, 1}, {2, 3, 3, 5, 7}, {0, 2, 3, 1, 2}, {2, 3, 2, 0, 3}, {300, 2, 1, 1, 2}};
  for (const auto& [patches, pixels, values, coordinates, features] : sizes) {
    const auto c = random_tensor({pixels, coordinates}, 4);
    check_gradient([&](const auto& t) { return pixel_embedding(t[0], c, t[1], t[2]); },
                   {random_tensor({patches, pixels, values}, 1),
                    random_tensor({features, values + coordinates}, 2), random_tensor({features}, 3)});
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3, 4}, 1), bias = random_tensor({5}, 2);
  BOOST_CHECK_THROW(pixel_embedding(x, random_tensor({4, 2}, 1), random_tensor({5, 6}, 1), bias), ShapeError);
  BOOST_CHECK_THROW(pixel_embedding(x, random_tensor({3, 2}, 1), random_tensor({5, 7}, 1), bias), ShapeError);
  BOOST_CHECK_THROW(
      pixel_embedding(x, random_tensor({3, 2}, 1), random_tensor({5, 6}, 1), random_tensor({6}, 1)),
      ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16(
      [](const auto& in) {
        using T = typename std::decay_t<decltype(in[0])>::value_type;
        return pixel_embedding(in[0], random_bfloat16<T>({16, 11}, 9), in[1], in[2]);
      },
      {{6, 16, 3}, {7, 14}, {7}}, {1, 2});
}

BOOST_AUTO_TEST_SUITE_END()
