// SPDX-License-Identifier: MIT
/// \file
/// The center crops against Pillow's, and the resizing it is made of.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include <pixnerd/image/read_image.hpp>
#include <pixnerd/image/resize.hpp>
#include <pixnerd/io/safetensors/file.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(resizing)

namespace {

Image expected_image(const SafetensorsFile& file, const std::string& name) {
  const auto& shape = file.entry(name).shape;
  BOOST_REQUIRE(shape.rank() == 3 && shape[2] == 3);
  Image image(static_cast<int>(shape[0]), static_cast<int>(shape[1]));
  image.rgb = file.read<std::uint8_t>(name);
  return image;
}

int largest_difference(const Image& a, const Image& b) {
  BOOST_REQUIRE(a.height == b.height && a.width == b.width);
  int most = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) most = std::max(most, std::abs(a.rgb[i] - b.rgb[i]));
  return most;
}

/// Different values everywhere, the same in every run.
Image noise_image(int height, int width) {
  Image image(height, width);
  std::uint32_t state = 1;
  for (auto& value : image.rgb)
    value = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return image;
}

}  // namespace

/// Pillow's decoding and ADM's center crop: exact for PNG; JPEG decoders differ by a few levels.
BOOST_AUTO_TEST_CASE(reference_crops) {
  const std::string folder = PIXNERD_TEST_DATA "/crops/";
  const SafetensorsFile expected(folder + "expected.safetensors");
  for (const std::string name :
       {"00.png", "01.png", "02.jpg", "03.png", "04.png", "05.png", "06.jpg", "07.jpg"}) {
    BOOST_TEST_CONTEXT(name) {
      const Image image = read_image(folder + name);
      const Image crop = expected_image(expected, name + ".crop");
      const int tolerance = name.ends_with(".png") ? 0 : 3;
      BOOST_TEST(largest_difference(image, expected_image(expected, name + ".rgb")) <= tolerance);
      BOOST_TEST(largest_difference(center_crop(image, crop.height), crop) <= tolerance);
    }
  }
}

/// Pillow's bilinear resize with torchvision's sizes and offsets, halves among those that round up and that
/// round down.
BOOST_AUTO_TEST_CASE(reference_bilinear_crops) {
  const std::string folder = PIXNERD_TEST_DATA "/crops/";
  const SafetensorsFile expected(folder + "bilinear.safetensors");
  for (const auto& entry : expected.entries()) {
    const std::string name = entry.name.substr(0, entry.name.find(".png") + 4);
    const Image crop = expected_image(expected, entry.name);
    BOOST_TEST((bilinear_center_crop(read_image(folder + name), crop.height) == crop), entry.name);
  }
  BOOST_TEST(expected.entries().size() == 18u);
}

/// The file that Pillow clips instead: v >> 8 in all three channels.
BOOST_AUTO_TEST_CASE(sixteen_bit_gray) {
  const Image image = read_image(PIXNERD_TEST_DATA "/crops/08.png");
  BOOST_TEST(image.height == 70);
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    BOOST_REQUIRE(image.rgb[i] == image.rgb[i + 1] && image.rgb[i] == image.rgb[i + 2]);
  }
  BOOST_TEST(image.pixel(3, 5)[0] == 146);
  BOOST_TEST(image.pixel(60, 69)[0] == 46);
  BOOST_TEST(std::accumulate(image.rgb.begin(), image.rgb.end(), 0) == 3 * 456'179);
}

BOOST_AUTO_TEST_CASE(crops_of_every_shape_have_the_size) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 50}, {50, 1}, {31, 33}, {64, 64}, {63, 200}}) {
    for (const int size : {1, 2, 16, 32, 65}) {
      const Image crop = center_crop(Image(height, width, 91), size);
      BOOST_TEST((crop == Image(size, size, 91)));
      BOOST_TEST((bilinear_center_crop(Image(height, width, 91), size) == Image(size, size, 91)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_square_of_the_size_is_kept) {
  const Image image = noise_image(17, 17);
  BOOST_TEST((center_crop(image, 17) == image));
  BOOST_TEST((bilinear_center_crop(image, 17) == image));
}

BOOST_AUTO_TEST_CASE(box_halving_is_the_rounded_mean) {
  const Image image = noise_image(8, 6);
  const Image half = resize<BoxFilter>(image, 4, 3);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 3; ++x) {
      for (int c = 0; c < 3; ++c) {
        const auto pair = [&](int row) {
          return (image.pixel(row, 2 * x)[c] + image.pixel(row, 2 * x + 1)[c] + 1) / 2;
        };
        BOOST_TEST(half.pixel(y, x)[c] == (pair(2 * y) + pair(2 * y + 1) + 1) / 2);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_window_is_a_part_of_the_whole) {
  const Image image = noise_image(23, 40);
  for (const auto& [height, width] : {std::pair{50, 31}, {9, 70}}) {
    const Image whole = resize<BicubicFilter>(image, height, width);
    const Window window{3, 11, 5, 17};
    const Image part = resize<BicubicFilter>(image, height, width, window);
    for (int y = 0; y < window.height; ++y) {
      BOOST_TEST(std::equal(part.pixel(y, 0), part.pixel(y, 0) + 3 * window.width, whole.pixel(3 + y, 11)));
    }
  }
}

/// The whole resized image would take 12 GB.
BOOST_AUTO_TEST_CASE(a_line_costs_no_more_than_its_crop) {
  BOOST_TEST((center_crop(Image(1, 65'535, 5), 256) == Image(256, 256, 5)));
  BOOST_TEST((center_crop(Image(65'535, 1, 5), 256) == Image(256, 256, 5)));
  BOOST_TEST((bilinear_center_crop(Image(1, 65'535, 5), 256) == Image(256, 256, 5)));
}

BOOST_AUTO_TEST_CASE(refuses_what_has_no_pixels) {
  check_throws<ValueError>([] { center_crop(Image(4, 4), 0); }, {"center crop", "1 to 65535", "got 0"});
  check_throws<ValueError>([] { center_crop(Image(), 4); }, {"image", "empty"});
  check_throws<ValueError>([] { bilinear_center_crop(Image(4, 4), 65'536); }, {"1 to 65535", "got 65536"});
  check_throws<ValueError>([] { bilinear_center_crop(Image(), 4); }, {"image", "empty"});
  check_throws<ValueError>([] { resize<BoxFilter>(Image(4, 4), 0, 4); }, {"resize", "0 x 4"});
  check_throws<ValueError>(
      [] {
        resize<BoxFilter>(Image(4, 4), 8, 8, Window{4, 0, 5, 8});
      },
      {"within 8 x 8"});
}

BOOST_AUTO_TEST_SUITE_END()
