// SPDX-License-Identifier: MIT
/// \file
/// JPEG files that are wrong segment by segment, and odd ones that are right.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/image/read_image.hpp>

#include "support/hostile.hpp"
#include "support/image_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(malformed_jpeg)

namespace {

std::string as_string(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

const std::string color = as_string(make_jpeg(17, 13, JCS_RGB, JCS_YCbCr, test_image(17, 13).rgb, 75));
const std::string gray = as_string(make_jpeg(64, 64, JCS_GRAYSCALE, JCS_GRAYSCALE, Bytes(64 * 64, 99), 75));
const std::string progressive =
    as_string(make_jpeg(17, 13, JCS_RGB, JCS_YCbCr, test_image(17, 13).rgb, 75, true));

enum Marker { frame = 0xc0, progressive_frame = 0xc2, huffman = 0xc4, scan = 0xda, quantization = 0xdb };

std::size_t find(const std::string& jpeg, Marker marker) {
  const auto at = jpeg.find({'\xff', static_cast<char>(marker)});
  BOOST_REQUIRE(at != jpeg.npos);
  return at;
}

/// The file with one byte of its first segment of that kind changed; bytes 0 and 1 are its length.
std::string with(std::string jpeg, Marker marker, std::size_t byte, int value) {
  jpeg[find(jpeg, marker) + 2 + byte] = static_cast<char>(value);
  return jpeg;
}

std::string without(std::string jpeg, Marker marker) {
  for (std::size_t at; (at = jpeg.find({'\xff', static_cast<char>(marker)})) != jpeg.npos;) {
    jpeg.erase(at,
               2 + 256 * static_cast<std::uint8_t>(jpeg[at + 2]) + static_cast<std::uint8_t>(jpeg[at + 3]));
  }
  return jpeg;
}

/// The file with something in front of its first segment of that kind.
std::string before(std::string jpeg, Marker marker, const std::string& what) {
  return jpeg.insert(find(jpeg, marker), what);
}

std::string sized(std::string jpeg, Marker marker, int height, int width) {
  jpeg = with(with(jpeg, marker, 3, height >> 8), marker, 4, height);
  return with(with(jpeg, marker, 5, width >> 8), marker, 6, width);
}

/// As if the file had room for a large image: `count` bytes in place of the data of the first scan.
std::string with_data(const std::string& jpeg, std::size_t count, char fill) {
  const std::size_t begin = find(jpeg, scan) + 4;
  const auto length = static_cast<std::uint8_t>(jpeg[begin - 1]);
  return jpeg.substr(0, begin - 2 + length) + std::string(count, fill) + "\xff\xd9";
}

void load(const std::string& path) {
  (void)read_image(path);
}

Image decode(const std::string& jpeg) {
  return decode_jpeg(std::span(reinterpret_cast<const std::uint8_t*>(jpeg.data()), jpeg.size()), "x");
}

}  // namespace

BOOST_AUTO_TEST_CASE(frames) {
  check_refused(
      {
          {"no frame", without(color, frame), "SOS before SOF"},
          {"two frames", before(color, scan, color.substr(find(color, frame), 19)), "two SOF"},
          {"a frame cut", with(color, frame, 1, 10), ""},
          {"a frame too long", with(color, frame, 1, 20), ""},
          {"a frame of no length", with(with(color, frame, 0, 0), frame, 1, 0), ""},
          {"12 bits", with(color, frame, 2, 12), "precision"},
          {"0 bits", with(color, frame, 2, 0), "precision"},
          {"16 bits", with(color, frame, 2, 16), "precision"},
          {"no height", sized(color, frame, 0, 13), "Empty JPEG image"},
          {"no width", sized(color, frame, 17, 0), "Empty JPEG image"},
          {"65535 x 65535", sized(color, frame, 65535, 65535), ""},
          {"65500 x 65500", sized(color, frame, 65500, 65500),
           "at most 65535 pixels a side and 134217728 in all"},
          {"10000 x 10000 of few bytes", sized(color, frame, 10'000, 10'000), "too short for 10000 x 10000"},
          {"10000 x 10000 progressive", sized(progressive, progressive_frame, 10'000, 10'000),
           "too short for 10000 x 10000"},
          {"no components", with(color, frame, 7, 0), ""},
          {"four components of three", with(color, frame, 7, 4), ""},
          {"255 components", with(color, frame, 7, 255), ""},
          {"sampling 0", with(color, frame, 9, 0x00), "sampling"},
          {"sampling 5", with(color, frame, 9, 0x55), "sampling"},
          {"sampling 15", with(color, frame, 9, 0xff), "sampling"},
          {"a quantization table that is not there", with(color, frame, 10, 3), "Quantization table"},
          {"a quantization table 255", with(color, frame, 10, 255), "Quantization table"},
          {"lossless",
           before(without(color, frame), huffman, "\xff\xc3" + color.substr(find(color, frame) + 2, 17)),
           "SOF type"},
          {"hierarchical",
           before(without(color, frame), huffman, "\xff\xc5" + color.substr(find(color, frame) + 2, 17)),
           "SOF type"},
          {"lossless and arithmetic",
           before(without(color, frame), huffman, "\xff\xcb" + color.substr(find(color, frame) + 2, 17)),
           "SOF type"},
      },
      "image.jpg", load);
}

BOOST_AUTO_TEST_CASE(segments) {
  const std::string start = "\xff\xd8";
  check_refused(
      {
          {"a start alone", "\xff\xd8\xff", ""},
          {"a start and an end", start + "\xff\xd9", "no image"},
          {"garbage", start + "\xff" + std::string(1000, 'x'), ""},
          {"ones", start + std::string(100'000, '\xff'), ""},
          {"two starts", start + color, "two SOI"},
          {"an unknown marker", before(color, scan, "\xff\x02"), "marker"},
          {"a segment behind the end", color.substr(0, find(color, scan)) + "\xff\xe1\xff\xff", ""},
          {"no quantization", without(color, quantization), "Quantization table"},
          {"quantization table 5", with(color, quantization, 2, 5), "DQT"},
          {"a quantization table cut", with(color, quantization, 1, 30), ""},
          {"quantization of 16 bits", with(color, quantization, 2, 0x10), ""},
          {"Huffman table 4", with(color, huffman, 2, 4), "DHT"},
          {"Huffman table of class 4", with(color, huffman, 2, 0x40), "DHT"},
          {"too many codes of one bit", with(color, huffman, 3, 255), "Huffman"},
          {"three codes of one bit", with(with(color, huffman, 3, 3), huffman, 4, 0), "Huffman"},
          {"a Huffman table cut", with(color, huffman, 1, 10), ""},
          {"restarts every 0 bytes", before(color, scan, "\xff\xdd\0\3\1"s), ""},
          {"restarts that never come", before(color, scan, "\xff\xdd\0\4\0\1"s), ""},
          {"arithmetic conditioning of table 99", before(color, scan, "\xff\xcc\0\4\x63\1"s), "DAC"},
      },
      "image.jpg", load);
}

BOOST_AUTO_TEST_CASE(scans) {
  const std::size_t data = find(color, scan) + 14;
  std::string zeros = color, ones = color;
  std::fill(zeros.begin() + static_cast<long>(data), zeros.end() - 2, '\0');
  std::fill(ones.begin() + static_cast<long>(data), ones.end() - 2, '\xff');
  // As fine as progression can be: each coefficient on its own, and each of its bits.
  std::vector<jpeg_scan_info> fine{{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) {
    for (int bit = 3; bit >= 0; --bit) fine.push_back({1, {0}, k, k, bit == 3 ? 0 : bit + 1, bit});
  }
  const std::string many =
      as_string(make_jpeg(64, 64, JCS_GRAYSCALE, JCS_GRAYSCALE, Bytes(64 * 64, 9), 75, true, fine));
  // And nothing, over and over.
  std::string again = as_string(make_jpeg(64, 64, JCS_GRAYSCALE, JCS_GRAYSCALE, Bytes(64 * 64, 9), 75, true));
  const std::string last = again.substr(again.rfind("\xff\xda"), again.size() - 2 - again.rfind("\xff\xda"));
  std::string scans;
  for (int i = 0; i < 20'000; ++i) scans += last;
  again.insert(again.size() - 2, scans);
  const std::size_t first_scan = find(progressive, scan), next = progressive.find("\xff\xc4", first_scan);
  check_refused(
      {
          {"no scan", color.substr(0, find(color, scan)) + "\xff\xd9", ""},
          {"no end", color.substr(0, color.size() - 2), "Premature end"},
          {"half the data", color.substr(0, (data + color.size()) / 2), "Premature end"},
          {"half the data and an end", color.substr(0, (data + color.size()) / 2) + "\xff\xd9", ""},
          {"no data", color.substr(0, data), "Premature end"},
          {"no data and an end", color.substr(0, data) + "\xff\xd9", ""},
          {"data of ones", ones, ""},
          {"a restart amid the data", color.substr(0, data + 20) + "\xff\xd3" + color.substr(data + 20), ""},
          {"no component in a scan", with(color, scan, 2, 0), ""},
          {"five components in a scan", with(color, scan, 2, 5), ""},
          {"two components of three", with(color, scan, 2, 2), ""},
          {"an unknown component", with(color, scan, 3, 77), ""},
          {"a component twice", with(color, scan, 5, 1), ""},
          {"a Huffman table that is not there", with(color, scan, 4, 0x33), "Huffman table"},
          {"a Huffman table 255", with(color, scan, 4, 0xff), "Huffman table"},
          {"a scan cut", with(color, scan, 1, 8), ""},
          {"a band from 9 to 3", with(with(progressive, scan, 9, 9), scan, 10, 3), "progressive parameters"},
          {"a band to 200", with(progressive, scan, 10, 200), "progressive parameters"},
          {"a shift of 15", with(progressive, scan, 11, 0x0f), "progressive parameters"},
          {"refinement before the first", with(progressive, scan, 11, 0x21), "Inconsistent progression"},
          {"no first scan", progressive.substr(0, first_scan) + progressive.substr(next),
           "Inconsistent progression"},
          {"253 scans", many, "more than 200 scans"},
          {"20000 scans", again, "Inconsistent progression"},
          {"400 MB, and data for a part", with_data(sized(gray, frame, 11'000, 12'000), 300'000, '\x55'), ""},
          {"400 MB of damaged data", with_data(sized(color, frame, 11'000, 12'000), 300'000, '\xfe'), ""},
          {"400 MB of nothing", sized(color, frame, 11'000, 12'000) + std::string(300'000, 'x'), ""},
          {"800 MB of coefficients",
           with_data(sized(progressive, progressive_frame, 11'000, 12'000), 300'000, '\0'), "memory"},
      },
      "image.jpg", load);
}

/// What cameras and other programs write beside the pixels changes none: the orientation, too, as with
/// Pillow's open().
BOOST_AUTO_TEST_CASE(odd_images_that_load) {
  const Image expected = decode(color);
  const std::string exif =
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0\x2a\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"s;
  const std::string segment = "\xff\xff"s + std::string(65533, 'x');
  std::string comments;
  for (int i = 0; i < 1000; ++i) comments += "\xff\xfe\0\7hello"s;
  for (const std::string& jpeg :
       {before(color, frame, exif), before(color, frame, comments),
        before(color, frame, "\xff\xe2" + segment), before(color, frame, "\xff\xfe" + segment),
        before(color, frame, "\xff\xff\xff\xff"), color + "something else", color + color,
        before(color, scan, "garbage"), before(color, scan, "\xff\xe1\0\0"s),
        before(color, scan, "\xff\xfe\0\1"s), without(color, huffman)}) {
    BOOST_TEST((decode(jpeg) == expected));
  }
}

BOOST_AUTO_TEST_CASE(large_images_load) {
  for (const bool is_progressive : {false, true}) {
    const auto bytes =
        make_jpeg(4100, 4200, JCS_GRAYSCALE, JCS_GRAYSCALE, Bytes(4100 * 4200, 128), 75, is_progressive);
    BOOST_TEST((decode(as_string(bytes)) == Image(4100, 4200, 128)));
  }
}

/// JPEG has no checksums: a change may pass as another image.
BOOST_AUTO_TEST_CASE(every_prefix_and_every_changed_byte) {
  const Folder folder;
  for (const bool is_progressive : {false, true}) {
    Image noise(44, 44);
    std::uint32_t state = 1;
    for (auto& value : noise.rgb)
      value = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
    const std::string whole = as_string(make_jpeg(44, 44, JCS_RGB, JCS_YCbCr, noise.rgb, 90, is_progressive));
    BOOST_TEST(whole.size() > 4000u);
    const int loaded = check_prefixes_and_flips(whole, folder / "a.jpg", load);
    BOOST_TEST(loaded > 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
