// SPDX-License-Identifier: MIT
/// \file
/// Reading gzip files, whole and damaged.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/gzip.hpp>

#include "support/files.hpp"
#include "support/idx_tools.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(gzip_files)

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes gzip(const Bytes& bytes) {
  const std::string packed = test::gzip(std::string(bytes.begin(), bytes.end()));
  return Bytes(packed.begin(), packed.end());
}

Bytes sample_bytes(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * i / 7);
  return bytes;
}

/// All of a file that holds `count` bytes.
Bytes read_all(const std::string& path, std::size_t count) {
  GzipFile file(path);
  Bytes out(count);
  // In two pieces of different size.
  file.read(std::span(out).first(count / 3));
  file.read(std::span(out).subspan(count / 3));
  file.expect_end();
  return out;
}

Bytes read_all(const std::string& path, const Bytes& packed, std::size_t count) {
  write_file_atomic(path, packed);
  return read_all(path, count);
}

}  // namespace

BOOST_AUTO_TEST_CASE(reads_what_was_packed) {
  const test::Folder folder;
  const std::string path = folder / "a.gz";
  for (const std::size_t count : {0, 1, 32'767, 32'768, 32'769, 1'000'000}) {
    const Bytes bytes = sample_bytes(count);
    BOOST_TEST((read_all(path, gzip(bytes), count) == bytes));
    BOOST_TEST(GzipFile(path).most_bytes() >= count);
    check_throws<FileError>([&] { read_all(path, count + 1); }, {path, "its end, 1 bytes early"});
    if (count > 0)
      check_throws<FileError>([&] { read_all(path, count - 1); }, {path, "more bytes than expected"});
  }
}

BOOST_AUTO_TEST_CASE(the_most_that_a_file_can_hold) {
  const test::Folder folder;
  const std::string path = folder / "a.gz";
  const Bytes bytes(10'000'000);
  BOOST_TEST((read_all(path, gzip(bytes), bytes.size()) == bytes));
  BOOST_TEST(GzipFile(path).most_bytes() >= bytes.size());
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_addition_is_an_error) {
  const test::Folder folder;
  const std::string path = folder / "a.gz";
  Bytes packed = gzip(sample_bytes(500));
  for (std::size_t n = 0; n < packed.size(); ++n) {
    const Bytes prefix(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(n));
    check_throws<FileError>([&] { read_all(path, prefix, 500); }, {path, "data that end early"});
  }
  packed.push_back(0);
  check_throws<FileError>([&] { read_all(path, packed, 500); }, {path, "1 bytes too many"});
  packed.resize(packed.size() + 100'000);
  check_throws<FileError>([&] { read_all(path, packed, 500); }, {path, "100001 bytes too many"});
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_an_error_or_harmless) {
  const test::Folder folder;
  const std::string path = folder / "a.gz";
  const Bytes bytes = sample_bytes(300);
  const Bytes packed = gzip(bytes);
  int refused = 0;
  for (std::size_t at = 0; at < packed.size() * 8; ++at) {
    Bytes damaged = packed;
    damaged[at / 8] ^= static_cast<std::uint8_t>(1 << (at % 8));
    try {
      BOOST_TEST((read_all(path, damaged, 300) == bytes));
    } catch (const FileError& error) {
      BOOST_TEST(std::string(error.what()).find(path) != std::string::npos);
      ++refused;
    }
  }
  BOOST_TEST(refused > static_cast<int>(packed.size()) * 7);
}

BOOST_AUTO_TEST_CASE(other_files) {
  const test::Folder folder;
  const std::string path = folder / "a.gz";
  check_throws<FileError>([&] { GzipFile{path}; }, {path, "No such file"});
  check_throws<FileError>([&] { read_all(path, {'t', 'e', 'x', 't'}, 4); }, {path, "incorrect header check"});
}

BOOST_AUTO_TEST_SUITE_END()
