// SPDX-License-Identifier: MIT
/// \file
/// Zip files whose directory lies.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/hostile.hpp"
#include "support/read_tensors.hpp"
#include "support/torch_tools.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(malformed_zip_directory)

namespace {

std::string with_end(const std::function<void(ZipEnd&)>& change) {
  ZipEnd end;
  change(end);
  return make_zip(small_checkpoint(), end);
}

/// The same in a file without the records of 64 bits.
std::string with_narrow_end(const std::function<void(ZipEnd&)>& change) {
  return with_end([&](ZipEnd& end) {
    end.wide = false;
    change(end);
  });
}

/// A checkpoint with its last entry changed.
std::string with_last(const std::function<void(ZipPart&)>& change) {
  auto parts = small_checkpoint();
  change(parts.back());
  return make_zip(parts);
}

constexpr std::uint64_t all_ones = 0xffff'ffff;

}  // namespace

BOOST_AUTO_TEST_CASE(directories) {
  const std::string right = make_zip(small_checkpoint());
  const std::string narrow = with_narrow_end([](ZipEnd&) {});
  const auto directory = right.find("PK\1\2");
  std::string no_signature = right;
  no_signature[directory] = 'Q';
  std::vector<ZipPart> many(40'000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].name = std::to_string(i);
  check_refused(
      {
          {"two letters", "PK", "a zip file"},
          {"no directory", right.substr(0, directory), "the end of a zip file's directory"},
          {"no end", narrow.substr(0, narrow.size() - 22), "the end of a zip file's directory"},
          {"an end alone", make_zip({}), "what torch.save wrote"},
          {"a byte behind the end", right + "x", "in the last 22 bytes"},
          {"a comment", with_end([](ZipEnd& end) { end.comment = "hello"; }), "in the last 22 bytes"},
          {"a comment that is an end",
           with_end([&](ZipEnd& end) { end.comment = narrow.substr(narrow.size() - 22); }),
           "in the last 22 bytes"},
          {"an end within the directory",
           with_last([&](ZipPart& part) { part.comment = narrow.substr(narrow.size() - 22); }),
           "in the last 22 bytes"},
          {"a whole zip file in an entry", with_last([&](ZipPart& part) { part.data = narrow; }),
           "in the last 22 bytes"},
          {"a comment that is not there", narrow.substr(0, narrow.size() - 2) + "\5\0"s, "without a comment"},
          {"another disk", with_end([](ZipEnd& end) { end.disk = 1; }), "one disk"},
          {"a directory behind the file", with_narrow_end([](ZipEnd& end) { end.begin = 1'000'000; }),
           "a directory that ends"},
          {"a directory before itself", with_narrow_end([](ZipEnd& end) { end.begin = 0; }),
           "a directory that ends"},
          {"a directory of no bytes", with_narrow_end([](ZipEnd& end) { end.bytes = 0; }),
           "a directory that ends"},
          {"a directory of 4 GB", with_narrow_end([](ZipEnd& end) { end.bytes = all_ones; }),
           "a directory that ends"},
          {"a directory whose end overflows",
           with_narrow_end([](ZipEnd& end) { end.bytes = end.begin = all_ones; }), "a directory that ends"},
          {"bytes behind the directory", with_end([](ZipEnd& end) { end.before_end = "abc"; }),
           "a directory that ends"},
          {"an entry fewer", with_narrow_end([](ZipEnd& end) { end.entries = 3; }), "bytes behind them"},
          {"an entry more", with_narrow_end([](ZipEnd& end) { end.entries = 5; }), "expected entry 4"},
          {"65535 entries", with_narrow_end([](ZipEnd& end) { end.entries = 65535; }), "got 65535"},
          {"no entries", with_narrow_end([](ZipEnd& end) { end.entries = 0; }), "bytes behind them"},
          {"two numbers of entries", with_end([](ZipEnd& end) { end.entries = 3; }), "3 and 4"},
          {"two sizes of the directory", with_end([](ZipEnd& end) { end.bytes = 3; }),
           "one size of the directory"},
          {"two directories", with_end([](ZipEnd& end) { end.begin = 0; }), "one size of the directory"},
          {"2^63 entries",
           with_end([](ZipEnd& end) { end.entries = 0xffff, end.wide_entries = std::uint64_t{1} << 63; }),
           "got 9223372036854775808"},
          {"2^63 bytes",
           with_end([](ZipEnd& end) { end.bytes = all_ones, end.wide_bytes = std::uint64_t{1} << 63; }),
           "a directory that ends"},
          {"a directory at 2^64 - 1",
           with_end([](ZipEnd& end) { end.begin = all_ones, end.wide_begin = ~std::uint64_t{0}; }),
           "a directory that ends"},
          {"a locator that leads out", with_end([](ZipEnd& end) { end.locator = ~std::uint64_t{0}; }),
           "before its locator"},
          {"a locator that leads to the beginning", with_end([](ZipEnd& end) { end.locator = 0; }),
           "before its locator"},
          {"a directory without a signature", no_signature, "expected entry 0"},
          {"40000 entries", make_zip(many), "at most 32768 entries"},
      },
      "file.ckpt", read_tensors);
}

BOOST_AUTO_TEST_SUITE_END()
