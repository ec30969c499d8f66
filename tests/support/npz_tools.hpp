// SPDX-License-Identifier: MIT
/// \file
/// Makes .npy bytes and zip files for tests, valid and invalid.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pixnerd::test {

using ZipBytes = std::vector<std::uint8_t>;

/// One entry of a zip file, and what the zip records claim about it.
struct ZipEntry {
  std::string name;
  ZipBytes content;  ///< as stored in the file
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::int64_t size = -1;      ///< unpacked; -1: that of the content
  std::int64_t packed = -1;    ///< -1: that of the content
  std::int64_t checksum = -1;  ///< -1: that of the content
  std::int64_t begin = -1;     ///< -1: its true position
};

inline void put_number(ZipBytes& out, std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

/// A zip file of these entries.
inline ZipBytes zip_of(const std::vector<ZipEntry>& entries) {
  ZipBytes out, directory;
  for (const auto& entry : entries) {
    const std::size_t begin = out.size();
    const auto facts = [&](ZipBytes& into) {
      const auto or_else = [](std::int64_t value, std::uint64_t otherwise) {
        return value < 0 ? otherwise : static_cast<std::uint64_t>(value);
      };
      put_number(into, 20, 2);  // version of the format
      put_number(into, entry.flags, 2);
      put_number(into, entry.method, 2);
      put_number(into, 0x00210000, 4);  // 1980-01-01
      const auto sum = ::crc32(0, entry.content.data(), static_cast<unsigned>(entry.content.size()));
      put_number(into, or_else(entry.checksum, entry.content.empty() ? 0 : sum), 4);
      put_number(into, or_else(entry.packed, entry.content.size()), 4);
      put_number(into, or_else(entry.size, entry.content.size()), 4);
      put_number(into, entry.name.size(), 2);
      put_number(into, 0, 2);
    };
    put_number(out, 0x04034b50, 4);
    facts(out);
    out.insert(out.end(), entry.name.begin(), entry.name.end());
    out.insert(out.end(), entry.content.begin(), entry.content.end());
    put_number(directory, 0x02014b50, 4);
    put_number(directory, 20, 2);
    facts(directory);
    put_number(directory, 0, 4);  // comment, disk
    put_number(directory, 0, 6);  // attributes
    put_number(directory, entry.begin < 0 ? begin : static_cast<std::uint64_t>(entry.begin), 4);
    directory.insert(directory.end(), entry.name.begin(), entry.name.end());
  }
  const std::size_t begin = out.size();
  out.insert(out.end(), directory.begin(), directory.end());
  put_number(out, 0x06054b50, 4);
  put_number(out, 0, 4);
  put_number(out, entries.size(), 2);
  put_number(out, entries.size(), 2);
  put_number(out, directory.size(), 4);
  put_number(out, begin, 4);
  put_number(out, 0, 2);
  return out;
}

/// .npy bytes of version 1.0 with that text as their header.
inline ZipBytes npy_of(std::string_view header, std::string_view elements, int version = 1) {
  ZipBytes out{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(version), 0};
  put_number(out, header.size(), version == 1 ? 2 : 4);
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), elements.begin(), elements.end());
  return out;
}

}  // namespace pixnerd::test
