// SPDX-License-Identifier: MIT
/// \file
/// JPEG of every kind, and what is no whole JPEG.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include <pixnerd/image/jpeg.hpp>

#include "support/files.hpp"
#include "support/image_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(jpeg)

namespace {

int largest_difference(const Image& a, const Image& b) {
  BOOST_REQUIRE(a.height == b.height && a.width == b.width);
  int most = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) most = std::max(most, std::abs(a.rgb[i] - b.rgb[i]));
  return most;
}

/// An image without edges, which JPEG keeps within a few levels.
Image gradient(int height, int width) {
  Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) image.pixel(y, x)[c] = static_cast<std::uint8_t>(40 * c + 3 * x + 2 * y);
    }
  }
  return image;
}

Bytes start_of_frame_with_size(Bytes jpeg, int height, int width) {
  for (std::size_t i = 0; i + 8 < jpeg.size(); ++i) {
    if (jpeg[i] != 0xff || (jpeg[i + 1] != 0xc0 && jpeg[i + 1] != 0xc2)) continue;
    jpeg[i + 5] = static_cast<std::uint8_t>(height >> 8);
    jpeg[i + 6] = static_cast<std::uint8_t>(height);
    jpeg[i + 7] = static_cast<std::uint8_t>(width >> 8);
    jpeg[i + 8] = static_cast<std::uint8_t>(width);
    return jpeg;
  }
  BOOST_FAIL("no frame header");
  return jpeg;
}

}  // namespace

BOOST_AUTO_TEST_CASE(color) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 9}, {17, 23}}) {
    const Image image = gradient(height, width);
    for (const bool progressive : {false, true}) {
      for (const auto stored : {JCS_YCbCr, JCS_RGB}) {
        const auto bytes = make_jpeg(height, width, JCS_RGB, stored, image.rgb, 100, progressive);
        BOOST_TEST(largest_difference(decode_jpeg(bytes, "x"), image) <= 3);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gray) {
  const Bytes samples(12 * 10, 77);
  const Image image = decode_jpeg(make_jpeg(12, 10, JCS_GRAYSCALE, JCS_GRAYSCALE, samples), "x");
  BOOST_TEST((image == Image(12, 10, 77)));
}

/// Inverted values, as Photoshop stores them: 255 means no ink.
BOOST_AUTO_TEST_CASE(cmyk_and_ycck) {
  Bytes samples;
  for (int i = 0; i < 64; ++i) samples.insert(samples.end(), {200, 100, 255, 128});
  for (const auto stored : {JCS_CMYK, JCS_YCCK}) {
    const Image image = decode_jpeg(make_jpeg(8, 8, JCS_CMYK, stored, samples), "x");
    // 128 - 55 * 128 / 255 = 100.4, 128 - 155 * 128 / 255 = 50.2, 128
    for (int c = 0; c < 3; ++c)
      BOOST_TEST(std::abs(image.pixel(3, 4)[c] - (c == 0 ? 100 : c == 1 ? 50 : 128)) <= 2);
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_is_an_error) {
  for (const bool progressive : {false, true}) {
    const auto whole = make_jpeg(17, 13, JCS_RGB, JCS_YCbCr, test_image(17, 13).rgb, 75, progressive);
    for (std::size_t n = 0; n < whole.size(); ++n) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<long>(n));
      BOOST_CHECK_THROW(decode_jpeg(part, "x"), FileError);
    }
    BOOST_CHECK_NO_THROW(decode_jpeg(whole, "x"));
  }
}

/// JPEG has no checksums: a flip may pass as another image, but never as one of another kind of failure.
BOOST_AUTO_TEST_CASE(every_flipped_bit_is_an_error_or_an_image) {
  for (const bool progressive : {false, true}) {
    const auto whole = make_jpeg(17, 13, JCS_RGB, JCS_YCbCr, test_image(17, 13).rgb, 75, progressive);
    int refused = 0;
    for (std::size_t at = 0; at < whole.size() * 8; ++at) {
      Bytes damaged = whole;
      damaged[at / 8] ^= static_cast<std::uint8_t>(1 << (at % 8));
      try {
        const Image image = decode_jpeg(damaged, "x");
        BOOST_TEST(image.rgb.size() ==
                   static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) * 3);
      } catch (const FileError&) {
        ++refused;
      }
    }
    BOOST_TEST(refused > 0);
  }
}

BOOST_AUTO_TEST_CASE(huge_declared_sizes_are_refused_at_once) {
  const auto small = make_jpeg(8, 8, JCS_RGB, JCS_YCbCr, test_image(8, 8).rgb);
  check_throws<FileError>([&] { decode_jpeg(start_of_frame_with_size(small, 65'000, 65'000), "big.jpg"); },
                          {"big.jpg", "65000 x 65000", "134217728"});
  check_throws<FileError>([&] { decode_jpeg(start_of_frame_with_size(small, 9'000, 10'000), "big.jpg"); },
                          {"big.jpg", "too short for 10000 x 9000"});
  check_throws<FileError>([&] { decode_jpeg(start_of_frame_with_size(small, 0, 10), "big.jpg"); },
                          {"big.jpg"});
}

/// A scan that adds nothing takes a dozen bytes and a pass over the image.
BOOST_AUTO_TEST_CASE(thousands_of_scans_are_refused) {
  Bytes bytes = make_jpeg(64, 64, JCS_GRAYSCALE, JCS_GRAYSCALE, Bytes(64 * 64, 9), 75, true);
  const Bytes marker{0xff, 0xda};
  const auto last = std::find_end(bytes.begin(), bytes.end(), marker.begin(), marker.end());
  BOOST_REQUIRE(last != bytes.end());
  const Bytes scan(last, bytes.end() - 2);
  for (int i = 0; i < 1000; ++i) bytes.insert(bytes.end() - 2, scan.begin(), scan.end());
  check_throws<FileError>([&] { decode_jpeg(bytes, "scans.jpg"); }, {"scans.jpg"});
}

BOOST_AUTO_TEST_SUITE_END()
