// SPDX-License-Identifier: MIT
/// \file
/// The text chunks of a PNG: pairs of a key and a text.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <pixnerd/image/png.hpp>
#include <pixnerd/text/utf8.hpp>

namespace pixnerd {

/// The eight bytes that every PNG begins with.
inline constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

/// Upper limits on the number of texts in a PNG, and on their bytes together.
inline constexpr std::size_t max_png_texts = 1000, max_png_text_bytes = 1 << 20;

namespace detail {

/// Converts Latin-1, the encoding of tEXt chunks, to UTF-8.
inline std::string latin_to_utf8(std::string_view latin) {
  std::string out;
  for (const char c : latin) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

/// Removes and returns the part of `rest` before its first zero byte; all of it if there is none.
inline std::string_view before_zero(std::string_view& rest) {
  const auto end = std::min(rest.find('\0'), rest.size());
  const std::string_view out = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return out;
}

/// Key and text of a tEXt or iTXt chunk; nothing for compressed text, which may unpack to gigabytes.
inline void append_png_text(PngText& out, std::string_view type, std::string_view data) {
  const std::string key = latin_to_utf8(before_zero(data));
  if (type == "tEXt") {
    out.emplace_back(key, latin_to_utf8(data));
  } else if (data.size() >= 2 && data[0] == 0) {
    data.remove_prefix(2);
    before_zero(data);  // the language
    before_zero(data);  // the key in it
    out.emplace_back(key, repair_utf8(data));
  }
}

}  // namespace detail

/// The texts of a PNG in UTF-8, in file order: its tEXt chunks and its uncompressed iTXt chunks, which
/// include all that write_png() writes. Pixels are not decoded. `name` is for messages. Throws FileError when
/// this is not a PNG, when chunks are damaged or cut short, and when the texts exceed the limits.
inline PngText png_texts(std::span<const std::uint8_t> bytes, const std::string& name) {
  const auto refuse = [&](std::string_view got) {
    raise<FileError>("read PNG", str_cat("a PNG image in '", name, "'"), got);
  };
  if (bytes.size() < png_signature.size() ||
      !std::equal(png_signature.begin(), png_signature.end(), bytes.begin())) {
    refuse("a file that begins otherwise");
  }
  bytes = bytes.subspan(png_signature.size());
  const auto number = [&](std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
           std::uint32_t{bytes[at + 2]} << 8 | std::uint32_t{bytes[at + 3]};
  };
  PngText out;
  std::size_t held = 0;
  for (;;) {
    constexpr std::size_t around = 12;  // length, type, checksum
    if (bytes.size() < around || number(0) > bytes.size() - around) refuse("one that is cut short");
    const std::size_t length = number(0);
    const std::string_view type(reinterpret_cast<const char*>(bytes.data()) + 4, 4);
    const std::string_view data(type.data() + 4, length);
    if (type == "IEND") return out;
    if (type == "tEXt" || type == "iTXt") {
      held += length;
      if (held > max_png_text_bytes || out.size() >= max_png_texts) refuse("too much text beside the pixels");
      const auto sum = ::crc32(0, bytes.data() + 4, static_cast<uInt>(length + 4));
      if (sum != number(8 + length)) refuse("a damaged text");
      detail::append_png_text(out, type, data);
    }
    bytes = bytes.subspan(around + length);
  }
}

/// The same for a file. Also throws FileError when it cannot be read.
inline PngText read_png_texts(const std::string& path) {
  return png_texts(read_file(path, max_image_file_bytes), path);
}

}  // namespace pixnerd
