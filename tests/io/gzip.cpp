/// \file
/// Unpacking gzip data, whole and damaged.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/gzip.hpp>

#include "files.hpp"

using namespace pixnerd;
using test::check_throws;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  BOOST_REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes sample_bytes(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * i / 7);
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gunzip_bytes)

BOOST_AUTO_TEST_CASE(unpacks_up_to_the_limit) {
  for (const std::size_t count : {0, 1, 65'535, 65'536, 65'537, 1'000'000}) {
    const Bytes bytes = sample_bytes(count);
    BOOST_TEST((gunzip(gzip(bytes), count, "x") == bytes));
    if (count > 0) {
      check_throws<FileError>([&] { gunzip(gzip(bytes), count - 1, "a.gz"); },
                              {"a.gz", text("more than ", count - 1, " bytes")});
    }
  }
}

BOOST_AUTO_TEST_CASE(a_small_file_of_zeros_does_not_fill_the_memory) {
  check_throws<FileError>([] { gunzip(gzip(Bytes(100'000'000)), 1000, "zeros.gz"); },
                          {"zeros.gz", "more than 1000"});
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_addition_is_an_error) {
  Bytes packed = gzip(sample_bytes(500));
  for (std::size_t n = 0; n < packed.size(); ++n) {
    check_throws<FileError>([&] { gunzip({packed.data(), n}, 1000, "a.gz"); }, {"a.gz"});
  }
  packed.push_back(0);
  check_throws<FileError>([&] { gunzip(packed, 1000, "a.gz"); }, {"a.gz", "1 bytes too many"});
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_an_error_or_harmless) {
  const Bytes bytes = sample_bytes(300);
  const Bytes packed = gzip(bytes);
  int refused = 0;
  for (std::size_t at = 0; at < packed.size() * 8; ++at) {
    Bytes damaged = packed;
    damaged[at / 8] ^= static_cast<std::uint8_t>(1 << (at % 8));
    try {
      BOOST_TEST((gunzip(damaged, 1000, "x") == bytes));
    } catch (const FileError&) {
      ++refused;
    }
  }
  BOOST_TEST(refused > static_cast<int>(packed.size()) * 7);
}

BOOST_AUTO_TEST_SUITE_END()
