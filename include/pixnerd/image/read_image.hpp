// SPDX-License-Identifier: MIT
/// \file
/// Reads PNG and JPEG files. The format is found from the first bytes, since file names can be wrong.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>
#include <pixnerd/image/jpeg.hpp>
#include <pixnerd/image/png.hpp>
#include <pixnerd/io/file.hpp>

namespace pixnerd {
namespace detail {

inline bool starts_with(std::span<const std::uint8_t> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

/// Guesses the format of a file that is neither PNG nor JPEG, for the error message.
inline std::string_view other_content(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return "an empty file";
  if (starts_with(bytes, "GIF8")) return "a GIF image";
  if (starts_with(bytes, "RIFF")) return "a WebP image or another RIFF file";
  if (starts_with(bytes, "BM")) return "a BMP image";
  if (starts_with(bytes, "II*") || starts_with(bytes, "MM")) return "a TIFF image";
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 64));
  const auto is_text = [](std::uint8_t b) {
    return (b >= 32 && b < 127) || b == '\n' || b == '\r' || b == '\t';
  };
  return std::all_of(head.begin(), head.end(), is_text) ? "text" : "unknown content";
}

}  // namespace detail

/// Decodes a PNG or JPEG held in memory; `name` is for messages. Throws FileError, see `decode_png` and
/// `decode_jpeg`.
inline Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (detail::starts_with(bytes, "\x89PNG\r\n\x1a\n")) return decode_png(bytes, name);
  if (detail::starts_with(bytes, "\xff\xd8\xff")) return decode_jpeg(bytes, name);
  raise<FileError>("read image", str_cat("a PNG or JPEG image in '", name, "'"),
                   detail::other_content(bytes));
}

/// Reads a PNG or JPEG file as RGB. Throws FileError when it is missing, unreadable, damaged, or something
/// else.
inline Image read_image(const std::string& path) {
  return decode_image(read_file(path, max_image_file_bytes), path);
}

}  // namespace pixnerd
