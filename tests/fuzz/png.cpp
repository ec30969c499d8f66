// SPDX-License-Identifier: MIT
/// \file
/// PNG files, as they are and with the checksums of their chunks made right, which a fuzzer does not guess.
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include <pixnerd/image/png_text.hpp>

#include "target.hpp"

namespace {

std::uint32_t big_endian(const std::uint8_t* from) {
  return std::uint32_t{from[0]} << 24 | std::uint32_t{from[1]} << 16 | std::uint32_t{from[2]} << 8 | from[3];
}

/// Chunks are a length, a type, that many bytes and a checksum of the latter two.
void mend_checksums(std::vector<std::uint8_t>& bytes) {
  for (std::size_t at = 8; bytes.size() >= 12 && at <= bytes.size() - 12;) {
    const std::uint64_t length = big_endian(bytes.data() + at);
    if (length > bytes.size() - at - 12) return;
    const auto sum = ::crc32(0, bytes.data() + at + 4, static_cast<uInt>(length + 4));
    for (int i = 0; i < 4; ++i) {
      bytes[at + 8 + length + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    }
    at += length + 12;
  }
}

void decode(std::span<const std::uint8_t> bytes) {
  pixnerd::fuzz::run(bytes.size(), "fuzz.png", [&] { (void)pixnerd::decode_png(bytes, "fuzz.png"); });
  pixnerd::fuzz::run(bytes.size(), "fuzz.png", [&] { (void)pixnerd::png_texts(bytes, "fuzz.png"); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  decode({data, size});
  std::vector<std::uint8_t> mended(data, data + size);
  mend_checksums(mended);
  if (!std::equal(mended.begin(), mended.end(), data)) decode(mended);
  return 0;
}
