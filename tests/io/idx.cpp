// SPDX-License-Identifier: MIT
/// \file
/// IDX files, whole and malformed.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/idx.hpp>

#include "support/hostile.hpp"
#include "support/idx_tools.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using test::Defect;
using test::gzip;
using test::idx;

BOOST_AUTO_TEST_SUITE(idx_files)

namespace {

void read_images(const std::string& path) {
  (void)read_packed_idx<3>(path, {0, 28, 28});
}

void read_labels(const std::string& path) {
  (void)read_packed_idx<1>(path, {0});
}

std::string elements(std::size_t count) {
  std::string out(count, '\0');
  // Hard to pack, so that the file has some size.
  std::uint32_t state = 1;
  for (auto& c : out) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return out;
}

std::string changed(std::string bytes, std::size_t at, int value) {
  bytes.at(at) = static_cast<char>(value);
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(reads_elements) {
  const test::Folder folder;
  const std::string path = folder / "a.gz", bytes = elements(2 * 28 * 28);
  write_file_atomic(path, gzip(idx({2, 28, 28}, bytes)));
  const auto images = read_packed_idx<3>(path, {0, 28, 28});
  BOOST_TEST(std::string(images.begin(), images.end()) == bytes);
  BOOST_TEST((read_packed_idx<3>(path, {2, 0, 0}) == images));
  write_file_atomic(path, gzip(idx({3}, "abc")));
  BOOST_TEST((read_packed_idx<1>(path, {3}) == std::vector<std::uint8_t>{'a', 'b', 'c'}));
}

BOOST_AUTO_TEST_CASE(malformed_gzip) {
  const std::string whole = gzip(idx({1, 28, 28}, elements(784)));
  const auto n = whole.size();
  test::check_refused(
      {
          {"nothing", "", "data that end early"},
          {"text", "this is not a gzip file", "incorrect header check"},
          {"an IDX file that is not packed", idx({1, 28, 28}, elements(784)), "incorrect header check"},
          {"a zip file", "PK\3\4" + std::string(100, 'z'), "incorrect header check"},
          {"zlib without gzip's header", "\x78\x9c\3\0\0\0\0\1"s, "incorrect header check"},
          {"another method", changed(whole, 2, 7), "unknown compression method"},
          {"unknown flags", changed(whole, 3, 0xe0), "unknown header flags"},
          {"a header alone", whole.substr(0, 10), "data that end early"},
          {"no checksum", whole.substr(0, n - 8), "data that end early"},
          {"half a checksum", whole.substr(0, n - 6), "data that end early"},
          {"no length", whole.substr(0, n - 4), "data that end early"},
          {"another checksum", changed(whole, n - 8, whole[n - 8] ^ 1), "incorrect data check"},
          {"another length", changed(whole, n - 4, whole[n - 4] ^ 1), "incorrect length check"},
          {"a byte behind", whole + "x", "1 bytes too many"},
          {"another stream behind", whole + whole, str_cat(n, " bytes too many")},
          {"100,000 zeros behind", whole + std::string(100'000, '\0'), "100000 bytes too many"},
          {"an unknown block", "\x1f\x8b\x08\0\0\0\0\0\0\3\7"s + std::string(20, '\0'), "invalid block type"},
          {"a stored block of two lengths", "\x1f\x8b\x08\0\0\0\0\0\0\3\1\5\0\0\0hello"s,
           "invalid stored block lengths"},
          {"a name that does not end", "\x1f\x8b\x08\x08\0\0\0\0\0\3"s + std::string(100, 'n'),
           "data that end early"},
      },
      "train-images-idx3-ubyte.gz", read_images);
}

BOOST_AUTO_TEST_CASE(malformed_headers) {
  const std::string image = elements(784);
  std::vector<Defect> defects;
  const auto add = [&](const std::string& name, const std::string& bytes, const std::string& word) {
    defects.push_back({name, gzip(bytes), word});
  };
  for (std::size_t size = 0; size < 16; ++size) {
    add(str_cat("cut at ", size), idx({1, 28, 28}, "").substr(0, size),
        str_cat("its end, ", 16 - size, " bytes early"));
  }
  const std::string whole = idx({1, 28, 28}, image);
  for (const int type : {0, 9, 11, 12, 13, 14, 255})
    add(str_cat("type ", type), idx({1, 28, 28}, image, type), "another header");
  add("the first byte", changed(whole, 0, 1), "another header");
  add("the second byte", changed(whole, 1, 1), "another header");
  for (const int rank : {0, 1, 2, 4, 255})
    add(str_cat(rank, " axes"), changed(whole, 3, rank), "another header");
  add("no images", idx({0, 28, 28}, ""), "size above 0 of axis 0");
  add("27 rows", idx({1, 27, 28}, image), "size 28 of axis 1");
  add("29 columns", idx({1, 28, 29}, image), "size 28 of axis 2");
  add("no rows", idx({1, 0, 28}, ""), "size 28 of axis 1");
  add("sizes in the other byte order", idx({1u << 24, 28u << 24, 28u << 24}, image), "size 28 of axis 1");
  for (const std::uint32_t count : {76'531u, 100'000u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 5'478'275u}) {
    add(str_cat(count, " images"), idx({count, 28, 28}, image), "at most 60000000 elements");
  }
  for (const std::uint32_t count : {60'000u, 76'530u}) {
    add(str_cat(count, " images in a small file"), idx({count, 28, 28}, image),
        str_cat(std::uint64_t{count} * 784, " elements"));
  }
  add("an image too few", idx({2, 28, 28}, image), "its end, 784 bytes early");
  add("a pixel too few", idx({1, 28, 28}, image.substr(1)), "its end, 1 bytes early");
  add("a pixel too many", idx({1, 28, 28}, image + "x"), "more bytes than expected");
  add("an image too many", idx({1, 28, 28}, image + image), "more bytes than expected");
  // What packs a thousand to one: the claim is within what the file could hold, and is no truth.
  add("50 million zeros behind one image", idx({1, 28, 28}, image + std::string(50'000'000, '\0')),
      "more bytes than expected");
  add("26,000 zeros too few of 58 million", idx({74'000, 28, 28}, std::string(57'990'000, '\0')),
      "bytes early");
  test::check_refused(defects, "train-images-idx3-ubyte.gz", read_images);
}

BOOST_AUTO_TEST_CASE(malformed_labels) {
  test::check_refused(
      {
          {"images", gzip(idx({1, 28, 28}, elements(784))), "an IDX file of bytes with 1 axes"},
          {"no labels", gzip(idx({0}, "")), "size above 0 of axis 0"},
          {"a label too few", gzip(idx({3}, "ab")), "its end, 1 bytes early"},
          {"a label too many", gzip(idx({3}, "abcd")), "more bytes than expected"},
          {"four billion labels", gzip(idx({0xffffffff}, "abc")), "at most 60000000 elements"},
          {"60 million labels in a small file", gzip(idx({60'000'000}, "abc")), "60000000 elements"},
      },
      "train-labels-idx1-ubyte.gz", read_labels);
}

BOOST_AUTO_TEST_CASE(every_prefix_and_flip) {
  const test::Folder folder;
  const std::string path = folder / "images.gz", whole = gzip(idx({5, 28, 28}, elements(5 * 784)));
  BOOST_TEST(whole.size() > 3900);
  write_file_atomic(path, whole);
  BOOST_CHECK_NO_THROW(read_images(path));
  const int loaded = test::check_prefixes_and_flips(whole, path, read_images);
  // Of the gzip header, time and system mean nothing; all else is under the checksum.
  BOOST_TEST(loaded > 0);
  BOOST_TEST(loaded < 20);
}

BOOST_AUTO_TEST_SUITE_END()
