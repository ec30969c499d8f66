// SPDX-License-Identifier: MIT
/// \file
/// PNG of every kind, and what is no whole PNG.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <string>

#include <pixnerd/image/png.hpp>

#include "support/files.hpp"
#include "support/image_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(png)

namespace {

Image image_of(int height, int width, const Bytes& rgb) {
  Image image(height, width);
  image.rgb = rgb;
  return image;
}

void put_big_endian(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i)
    bytes[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

/// The same file with another size in its header, and the header's checksum made right.
Bytes with_size(Bytes png, std::uint32_t width, std::uint32_t height) {
  put_big_endian(png, 16, width);
  put_big_endian(png, 20, height);
  put_big_endian(png, 29, static_cast<std::uint32_t>(::crc32(0, png.data() + 12, 17)));
  return png;
}

}  // namespace

BOOST_AUTO_TEST_CASE(written_images_read_back) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 7}, {9, 1}, {33, 47}}) {
    const Image image = test_image(height, width);
    BOOST_TEST((decode_png(encode_png(image), "x") == image));
  }
}

BOOST_AUTO_TEST_CASE(texts_are_stored) {
  const Image image = test_image(3, 4);
  const auto bytes = encode_png(image, {{"Title", "two\nlines"}, {"Author", "Zo\xc3\xab"}});
  const std::string all(bytes.begin(), bytes.end());
  BOOST_TEST(all.find(std::string("tEXtTitle\0two\nlines", 19)) != std::string::npos);
  BOOST_TEST(all.find(std::string("iTXtAuthor\0\0\0\0\0Zo\xc3\xab", 19)) != std::string::npos);
  BOOST_TEST((decode_png(bytes, "x") == image));
  for (const std::string key : {"", " a", "a ", "a  b", "a\nb"}) {
    check_throws<ValueError>([&] { encode_png(image, {{key, "v"}}); }, {"text key", "'" + key + "'"});
  }
  check_throws<ValueError>([&] { encode_png(image, {{std::string(80, 'k'), "v"}}); }, {"1-79"});
}

BOOST_AUTO_TEST_CASE(only_whole_images_are_written) {
  check_throws<ValueError>([] { encode_png(Image()); }, {"0 x 0"});
  Image image(2, 3);
  image.rgb.pop_back();
  check_throws<ValueError>([&] { encode_png(image); }, {"2 x 3 and 17 bytes"});
}

BOOST_AUTO_TEST_CASE(gray_of_every_depth) {
  const auto gray = [](const Bytes& values) {
    Bytes rgb;
    for (const auto v : values) rgb.insert(rgb.end(), 3, v);
    return image_of(1, static_cast<int>(values.size()), rgb);
  };
  const auto read = [](int depth, int width, const Bytes& row) {
    return decode_png(make_png(1, width, {PNG_COLOR_TYPE_GRAY, depth}, {row}), "x");
  };
  BOOST_TEST((read(1, 4, {0b1010'0000}) == gray({255, 0, 255, 0})));
  BOOST_TEST((read(2, 4, {0b00'01'10'11}) == gray({0, 85, 170, 255})));
  BOOST_TEST((read(4, 3, {0x0f, 0x70}) == gray({0, 255, 119})));
  BOOST_TEST((read(8, 3, {0, 1, 200}) == gray({0, 1, 200})));
  BOOST_TEST((read(16, 3, {0x00, 0xff, 0x12, 0x34, 0xff, 0x00}) == gray({0x00, 0x12, 0xff})));
}

BOOST_AUTO_TEST_CASE(alpha_is_dropped) {
  const auto rgba = make_png(1, 2, {PNG_COLOR_TYPE_RGBA, 8}, {{1, 2, 3, 0, 4, 5, 6, 128}});
  BOOST_TEST((decode_png(rgba, "x") == image_of(1, 2, {1, 2, 3, 4, 5, 6})));
  const auto deep = make_png(1, 1, {PNG_COLOR_TYPE_RGBA, 16}, {{1, 99, 2, 99, 3, 99, 0, 0}});
  BOOST_TEST((decode_png(deep, "x") == image_of(1, 1, {1, 2, 3})));
  const auto gray = make_png(1, 2, {PNG_COLOR_TYPE_GRAY_ALPHA, 8}, {{7, 0, 9, 255}});
  BOOST_TEST((decode_png(gray, "x") == image_of(1, 2, {7, 7, 7, 9, 9, 9})));
}

BOOST_AUTO_TEST_CASE(palettes_with_transparency) {
  PngKind kind{PNG_COLOR_TYPE_PALETTE, 8, false, {{1, 2, 3}, {40, 50, 60}, {7, 8, 9}}, {0, 128}};
  const Image expected = image_of(1, 3, {7, 8, 9, 1, 2, 3, 40, 50, 60});
  BOOST_TEST((decode_png(make_png(1, 3, kind, {{2, 0, 1}}), "x") == expected));
  kind.depth = 2;
  BOOST_TEST((decode_png(make_png(1, 3, kind, {{0b10'00'01'00}}), "x") == expected));
}

BOOST_AUTO_TEST_CASE(interlaced) {
  const Image image = test_image(21, 13);
  std::vector<Bytes> rows;
  for (int y = 0; y < image.height; ++y) rows.emplace_back(image.pixel(y, 0), image.pixel(y, 0) + 13 * 3);
  BOOST_TEST((decode_png(make_png(21, 13, {PNG_COLOR_TYPE_RGB, 8, true}, rows), "x") == image));
}

BOOST_AUTO_TEST_CASE(every_prefix_is_an_error) {
  const auto whole = encode_png(test_image(9, 11), {{"k", "v"}});
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<long>(n));
    BOOST_CHECK_THROW(decode_png(part, "x"), FileError);
  }
}

/// Every chunk that matters carries a checksum, so a flipped bit is seen, or changes nothing.
BOOST_AUTO_TEST_CASE(every_flipped_bit_is_an_error_or_harmless) {
  const Image image = test_image(9, 11);
  const auto whole = encode_png(image, {{"k", "v"}});
  int refused = 0;
  for (std::size_t at = 0; at < whole.size() * 8; ++at) {
    Bytes damaged = whole;
    damaged[at / 8] ^= static_cast<std::uint8_t>(1 << (at % 8));
    try {
      BOOST_TEST((decode_png(damaged, "x") == image));
    } catch (const FileError&) {
      ++refused;
    }
  }
  BOOST_TEST(refused > static_cast<int>(whole.size()) * 4);
}

BOOST_AUTO_TEST_CASE(huge_declared_sizes_are_refused_at_once) {
  const auto small = encode_png(test_image(4, 4));
  check_throws<FileError>([&] { decode_png(with_size(small, 1'000'000, 10), "big.png"); }, {"big.png"});
  check_throws<FileError>([&] { decode_png(with_size(small, 0, 10), "big.png"); }, {"big.png"});
  check_throws<FileError>([&] { decode_png(with_size(small, 60'000, 60'000), "big.png"); },
                          {"big.png", "60000 x 60000", "134217728"});
  check_throws<FileError>([&] { decode_png(with_size(small, 10'000, 10'000), "big.png"); },
                          {"big.png", "too short for 10000 x 10000"});
}

/// A profile that unpacks from a few kilobytes to many megabytes is not unpacked.
BOOST_AUTO_TEST_CASE(compressed_texts_do_not_explode) {
  const Bytes zeros(64 << 20);
  uLongf size = ::compressBound(zeros.size());
  Bytes packed(size);
  BOOST_REQUIRE(::compress(packed.data(), &size, zeros.data(), zeros.size()) == Z_OK);
  Bytes chunk(4);
  const std::string head("zTXtkey\0\0", 9);
  chunk.insert(chunk.end(), head.begin(), head.end());
  chunk.insert(chunk.end(), packed.begin(), packed.begin() + static_cast<long>(size));
  put_big_endian(chunk, 0, static_cast<std::uint32_t>(chunk.size() - 8));
  chunk.resize(chunk.size() + 4);
  put_big_endian(
      chunk, chunk.size() - 4,
      static_cast<std::uint32_t>(::crc32(0, chunk.data() + 4, static_cast<uInt>(chunk.size() - 8))));
  const Image image = test_image(4, 4);
  Bytes png = encode_png(image);
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());
  BOOST_TEST((decode_png(png, "x") == image));
}

BOOST_AUTO_TEST_CASE(files) {
  const Folder folder;
  const Image image = test_image(5, 6);
  write_png(folder / "a.png", image);
  const auto bytes = read_file(folder / "a.png", 10'000);
  BOOST_TEST((decode_png(bytes, "a.png") == image));
  check_throws<FileError>([&] { write_png(folder / "none/a.png", image); }, {folder / "none/a.png"});
  BOOST_TEST(folder.entries() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
