// SPDX-License-Identifier: MIT
/// \file
/// Images to tensors and back.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

#include <pixnerd/image/pixels.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(pixels)

BOOST_AUTO_TEST_CASE(planes_in_minus_one_to_one) {
  Image image(1, 2);
  image.rgb = {0, 51, 255, 102, 204, 127};
  const auto x = to_tensor(image);
  BOOST_TEST((x.shape() == Shape{1, 3, 1, 2}));
  BOOST_TEST(x.to_host() == (std::vector<float>{-1.0f, 102 / 127.5f - 1, 51 / 127.5f - 1, 204 / 127.5f - 1,
                                                1.0f, 127 / 127.5f - 1}));
  std::vector<float> flipped(6);
  write_planes(image.rgb.data(), 1, 2, true, flipped.data());
  BOOST_TEST(flipped == (std::vector<float>{102 / 127.5f - 1, -1.0f, 204 / 127.5f - 1, 51 / 127.5f - 1,
                                            127 / 127.5f - 1, 1.0f}));
}

BOOST_AUTO_TEST_CASE(every_value_comes_back) {
  Image image(16, 16);
  for (int i = 0; i < 256; ++i) {
    for (int c = 0; c < 3; ++c) image.pixel(i / 16, i % 16)[c] = static_cast<std::uint8_t>(i + 5 * c);
  }
  const auto back = to_images(to_tensor(image));
  BOOST_TEST_REQUIRE(back.size() == 1U);
  BOOST_TEST((back[0] == image));
}

BOOST_AUTO_TEST_CASE(values_are_rounded_and_clipped) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  // 0.4 and 0.6 of a level above 100
  const float below = 100.4f / 127.5f - 1, above = 100.6f / 127.5f - 1;
  const auto x = Tensor<float>::from_host(
      {2, 3, 1, 2},
      std::vector<float>{below, above, -1.01f, 1.01f, -1e30f, 1e30f, -infinity, infinity, nan, 0, -1, 1});
  const auto images = to_images(x);
  BOOST_TEST_REQUIRE(images.size() == 2U);
  BOOST_TEST(images[0].rgb == (std::vector<std::uint8_t>{100, 0, 0, 101, 255, 255}));
  BOOST_TEST(images[1].rgb == (std::vector<std::uint8_t>{0, 0, 0, 255, 128, 255}));
  check_throws<ShapeError>(
      [] {
        to_images(Tensor<float>::zeros({2, 1, 4, 4}));
      },
      {"(B, 3, H, W)", "(2, 1, 4, 4)"});
  check_throws<ShapeError>([] { to_images(Tensor<float>::zeros({3, 4, 4})); }, {"(3, 4, 4)"});
}

BOOST_AUTO_TEST_SUITE_END()
