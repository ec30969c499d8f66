// SPDX-License-Identifier: MIT
/// \file
/// PNG files that are wrong chunk by chunk, and odd ones that are right.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <pixnerd/image/read_image.hpp>

#include "support/hostile.hpp"
#include "support/image_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(malformed_png)

namespace {

std::string big_endian(std::uint64_t value) {
  std::string out;
  for (int i = 3; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string chunk(const std::string& type, const std::string& data, std::optional<std::uint64_t> length = {},
                  std::uint32_t damage = 0) {
  const std::string body = type + data;
  const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(length.value_or(data.size())) + body + big_endian(sum ^ damage);
}

std::string zlib(const std::string& data) {
  uLongf size = ::compressBound(data.size());
  std::string out(size, '\0');
  BOOST_REQUIRE(::compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                            reinterpret_cast<const Bytef*>(data.data()), data.size(), 9) == Z_OK);
  out.resize(size);
  return out;
}

std::string header(std::uint64_t width, std::uint64_t height, char depth = 8, char color = 2,
                   char interlace = 0) {
  return chunk("IHDR", big_endian(width) + big_endian(height) + std::string{depth, color, 0, 0, interlace});
}

const std::string signature = "\x89PNG\r\n\x1a\n";
const std::string end = chunk("IEND", "");
/// Two rows of three pixels.
const std::string rows = "\0abcdefghi\0jklmnopqr"s;
const std::string data = chunk("IDAT", zlib(rows));
const std::string size = header(3, 2);

std::string file(const std::string& chunks) {
  return signature + chunks;
}
/// A file with this header and rows enough for it.
std::string with(const std::string& head) {
  return file(head + chunk("PLTE", std::string(768, 'p')) + chunk("IDAT", zlib(std::string(1000, '\0'))) +
              end);
}
std::string with_data(const std::string& bytes) {
  return file(size + chunk("IDAT", bytes) + end);
}

void load(const std::string& path) {
  (void)read_image(path);
}

}  // namespace

BOOST_AUTO_TEST_CASE(headers) {
  const std::string most = "at most 65535 pixels a side";
  check_refused(
      {
          {"a signature alone", signature, "ends in the middle"},
          {"no chunk but the end", file(end), "IEND"},
          {"data before the header", file(data + size + end), "IDAT"},
          {"no width", with(header(0, 2)), "IHDR"},
          {"no height", with(header(3, 0)), "IHDR"},
          {"65535 x 65535", with(header(65535, 65535)), most},
          {"65536 x 1", with(header(65536, 1)), ""},
          {"1 x 65536", with(header(1, 65536)), ""},
          {"2^31 - 1 a side", with(header(0x7fff'ffff, 0x7fff'ffff)), ""},
          {"2^31 wide", with(header(0x8000'0000, 1)), ""},
          {"2^32 - 1 a side", with(header(0xffff'ffff, 0xffff'ffff)), ""},
          {"10000 x 10000 of few bytes", with(header(10'000, 10'000)), "too short for 10000 x 10000"},
          {"16 bits, 10000 x 10000", with(header(10'000, 10'000, 16, 6)), "too short for 10000 x 10000"},
          {"0 bits", with(header(3, 2, 0)), "IHDR"},
          {"3 bits", with(header(3, 2, 3)), "IHDR"},
          {"32 bits", with(header(3, 2, 32)), "IHDR"},
          {"4 bits of RGB", with(header(3, 2, 4)), "IHDR"},
          {"16 bits of a palette", with(header(3, 2, 16, 3)), "IHDR"},
          {"1 bit of gray and alpha", with(header(3, 2, 1, 4)), "IHDR"},
          {"color type 1", with(header(3, 2, 8, 1)), "IHDR"},
          {"color type 5", with(header(3, 2, 8, 5)), "IHDR"},
          {"color type 255", with(header(3, 2, 8, '\xff')), "IHDR"},
          {"interlace 2", with(header(3, 2, 8, 2, 2)), "IHDR"},
          {"compression 1", with(chunk("IHDR", big_endian(3) + big_endian(2) + "\x08\2\1\0\0"s)), "IHDR"},
          {"filter method 1", with(chunk("IHDR", big_endian(3) + big_endian(2) + "\x08\2\0\1\0"s)), "IHDR"},
          {"a short header", with(chunk("IHDR", big_endian(3) + big_endian(2) + "\x08\2\0\0"s)), "IHDR"},
          {"a long header", with(chunk("IHDR", big_endian(3) + big_endian(2) + "\x08\2\0\0\0\0"s)), "IHDR"},
          {"a header with a wrong checksum",
           with(chunk("IHDR", big_endian(3) + big_endian(2) + "\x08\2\0\0\0"s, {}, 1)), "IHDR"},
          {"two headers", with(size + size), "IHDR"},
          {"a header of 2^31 - 1 bytes", with(chunk("IHDR", "abc", 0x7fff'ffff)), "IHDR"},
      },
      "image.png", load);
}

BOOST_AUTO_TEST_CASE(chunks) {
  const std::string indexed = header(3, 2, 8, 3), palette = chunk("PLTE", "abcdef");
  const std::string indices = chunk("IDAT", zlib("\0\0\1\0\0\1\0\1"s));
  // Half of the rows are there, and the file is large enough for all of them.
  const std::string half = zlib(std::string(std::size_t{30'001} * 5000, '\0'));
  const std::string filler = chunk("prIv", std::string(400'000, 'x'));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += chunk("IDAT", "");
  check_refused(
      {
          {"a header alone", file(size), "ends in the middle"},
          {"no data", file(size + end), "IEND"},
          {"no end", file(size + data), "ends in the middle"},
          {"half an end", file(size + data + end.substr(0, 6)), "ends in the middle"},
          {"an end without its checksum", file(size + data + end.substr(0, 8)), "ends in the middle"},
          {"empty data", with_data(""), ""},
          {"a thousand times no data", file(size + many + end), ""},
          {"half the data", with_data(zlib(rows).substr(0, 10)), ""},
          {"one row", with_data(zlib(rows.substr(0, 10))), ""},
          {"a pixel less", with_data(zlib(rows.substr(0, 17))), ""},
          {"data that are no zlib", with_data("hello, this is text"), "IDAT"},
          {"a window too large", with_data("\x98\x01" + zlib(rows).substr(2)), "IDAT"},
          {"a dictionary", with_data("\x78\x20" + zlib(rows).substr(2)), "IDAT"},
          {"a damaged block", with_data("\x78\x9c\xff\xff\xff\xff\xff"), "IDAT"},
          {"filter 5", with_data(zlib("\5abcdefghi\0jklmnopqr"s)), "bad adaptive filter"},
          {"filter 255",
           with_data(zlib("\xff"
                          "abcdefghi\0jklmnopqr"s)),
           "bad adaptive filter"},
          {"data with a wrong checksum", file(size + chunk("IDAT", zlib(rows), {}, 1) + end), "IDAT"},
          {"data of 2^31 - 1 bytes", file(size + chunk("IDAT", zlib(rows), 0x7fff'ffff) + end), ""},
          {"data of 2^32 - 1 bytes", file(size + chunk("IDAT", zlib(rows), 0xffff'ffff) + end), ""},
          {"data interrupted",
           file(size + chunk("IDAT", zlib(rows).substr(0, 9)) + chunk("tIME", "1234567") +
                chunk("IDAT", zlib(rows).substr(9)) + end),
           ""},
          {"a text of 2^31 - 1 bytes", file(size + chunk("tEXt", "abc", 0x7fff'ffff) + data + end),
           "ends in the middle"},
          {"a text of 1 GB", file(size + chunk("tEXt", "abc", 1 << 30) + data + end), "ends in the middle"},
          {"a profile of 1 GB", file(size + chunk("iCCP", "abc", 1 << 30) + data + end),
           "ends in the middle"},
          {"a palette of 2^31 - 1 bytes", file(size + chunk("PLTE", "abc", 0x7fff'ffff) + data + end), ""},
          {"an unknown chunk that matters", file(size + chunk("ABCD", "x") + data + end), "ABCD"},
          {"a chunk whose type is no name", file(size + chunk("\1\2\3\4", "x") + data + end), ""},
          {"no palette", file(indexed + indices + end), "PLTE"},
          {"a palette too late", file(indexed + indices + palette + end), ""},
          {"two palettes", file(indexed + palette + palette + indices + end), "PLTE"},
          {"an empty palette", file(indexed + chunk("PLTE", "") + indices + end), ""},
          {"a third of a color", file(indexed + chunk("PLTE", "abcd") + indices + end), "PLTE"},
          {"257 colors", file(indexed + chunk("PLTE", std::string(771, 'x')) + indices + end), "PLTE"},
          {"300 MB of which half are there",
           file(header(10'000, 10'000) + filler + chunk("IDAT", half) + end), ""},
          {"the same interlaced", file(header(10'000, 10'000, 8, 2, 1) + filler + chunk("IDAT", half) + end),
           ""},
          {"cut in the head of a chunk", file(size + data.substr(0, 5)), "ends in the middle"},
          {"cut in the data", file(size + data.substr(0, 15)), "ends in the middle"},
      },
      "image.png", load);
}

/// What other programs write, and what is dangerous only to those who unpack it.
BOOST_AUTO_TEST_CASE(odd_images_that_load) {
  const Folder folder;
  Image expected(2, 3);
  const std::string pixels = "abcdefghijklmnopqr";
  expected.rgb.assign(pixels.begin(), pixels.end());
  const std::string bomb = zlib(std::string(64 << 20, '\0'));
  std::string texts, split;
  for (int i = 0; i < 10'000; ++i) texts += chunk("tEXt", "key\0value"s);
  for (const char c : zlib(rows)) split += chunk("IDAT", {c});
  const std::vector<std::pair<std::string, std::string>> files = {
      {"plain", file(size + data + end)},
      {"a text that unpacks to 64 MB", file(size + chunk("zTXt", "key\0\0"s + bomb) + data + end)},
      {"the same behind the data", file(size + data + chunk("zTXt", "key\0\0"s + bomb) + end)},
      {"an international text", file(size + chunk("iTXt", "key\0\1\0\0\0"s + bomb) + data + end)},
      {"a profile that unpacks to 64 MB", file(size + chunk("iCCP", "key\0\0"s + bomb) + data + end)},
      {"10000 texts", file(size + texts + data + texts + end)},
      {"a byte in each chunk", file(size + split + end)},
      {"an animation",
       file(size + chunk("acTL", big_endian(1) + big_endian(0)) + data + chunk("fdAT", "abcd") + end)},
      {"a text with a wrong checksum", file(size + chunk("tEXt", "key\0value"s, {}, 1) + data + end)},
      {"an unknown chunk", file(size + chunk("prIv", "x") + data + end)},
      {"bytes behind the end", file(size + data + end + "something else")},
      {"a transparent color", file(size + chunk("tRNS", "\0a\0b\0c"s) + data + end)},
      {"gamma and rendering", file(size + chunk("gAMA", big_endian(1)) + chunk("sRGB", "\1") + data + end)},
      {"a suggested palette", file(size + chunk("PLTE", "abcdef") + data + end)},
  };
  for (const auto& [name, bytes] : files) {
    BOOST_TEST_CONTEXT(name) {
      write_file_atomic(folder / "a.png", bytes);
      BOOST_TEST((read_image(folder / "a.png") == expected));
      const std::int64_t before = read_apart([] {}).peak;
      const Reading reading = read_apart([&] { load(folder / "a.png"); });
      BOOST_TEST(reading.seconds < (counts_memory ? 1.0 : 10.0));
      if (counts_memory) BOOST_TEST(reading.peak - before < 64 << 20);
    }
  }
}

/// As in Pillow: a color that the palette lacks is black.
BOOST_AUTO_TEST_CASE(colors_out_of_range_are_black) {
  const std::string bytes =
      file(header(2, 1, 8, 3) + chunk("PLTE", "abc") + chunk("IDAT", zlib("\0\0\x07"s)) + end);
  const Image image =
      decode_png(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), "x");
  BOOST_TEST((image.rgb == std::vector<std::uint8_t>{'a', 'b', 'c', 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(large_images_load) {
  const std::string zeros(std::size_t{15'001} * 4000, '\0');
  const std::string bytes = file(header(5000, 4000) + chunk("IDAT", zlib(zeros)) + end);
  const Image image =
      decode_png(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), "x");
  BOOST_TEST((image == Image(4000, 5000, 0)));
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_changed_byte) {
  const Folder folder;
  Image noise(36, 38);
  std::uint32_t state = 1;
  for (auto& value : noise.rgb)
    value = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  const auto png = encode_png(noise);
  BOOST_TEST(png.size() > 4000u);
  const int loaded =
      check_prefixes_and_flips(std::string(png.begin(), png.end()), folder / "a.png",
                               [&](const std::string& path) { BOOST_TEST((read_image(path) == noise)); });
  BOOST_TEST(loaded < 20);
}

BOOST_AUTO_TEST_SUITE_END()
