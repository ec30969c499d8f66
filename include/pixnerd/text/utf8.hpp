// SPDX-License-Identifier: MIT
/// \file
/// UTF-8: validation, decoding and encoding of code points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

namespace detail {

/// One step through text: a code point of `bytes` bytes, or `bytes` of a character that is cut short or none.
struct Utf8Step {
  char32_t code = 0;
  std::size_t bytes = 0;
  bool valid = false;
};

/// Reads the character at `at`, which is inside `characters`. Where it is none, the step is as long as what
/// could have begun one, at least a byte: the "maximal subpart" of the Unicode standard, section 3.9, table
/// 3-7.
inline Utf8Step utf8_step(std::string_view characters, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(characters[i]); };
  const unsigned first = byte(at);
  if (first < 0x80) return {first, 1, true};
  if (first < 0xc2 || first > 0xf4) return {0, 1, false};
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // The second byte's range is narrower where it must exclude longer than needed forms, surrogates, above
  // U+10FFFF.
  unsigned low = 0x80, high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  char32_t code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= characters.size() || byte(at + i) < low || byte(at + i) > high) return {0, i, false};
    code = code << 6 | (byte(at + i) & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {code, length, true};
}

}  // namespace detail

/// The text without a leading byte order mark (U+FEFF), which some editors add.
inline std::string_view without_byte_order_mark(std::string_view characters) {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  return characters.starts_with(mark) ? characters.substr(mark.size()) : characters;
}

/// Appends a code point below 0x110000 that is no surrogate.
inline void append_utf8(std::string& out, char32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Throws ValueError, naming the byte where the first wrong sequence begins, unless `characters` are UTF-8.
inline void check_utf8(std::string_view characters, std::string_view where) {
  for (std::size_t at = 0; at < characters.size();) {
    const auto step = detail::utf8_step(characters, at);
    if (!step.valid) {
      constexpr char hex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(characters[at]);
      raise<ValueError>(where, "text in UTF-8",
                        str_cat("no character at byte ", at, " (0x", hex[byte >> 4], hex[byte & 15], ")"));
    }
    at += step.bytes;
  }
}

/// The text with every invalid byte sequence replaced by U+FFFD.
inline std::string repair_utf8(std::string_view characters) {
  std::string out;
  out.reserve(characters.size());
  for (std::size_t at = 0; at < characters.size();) {
    const auto step = detail::utf8_step(characters, at);
    if (step.valid) {
      out.append(characters.substr(at, step.bytes));
    } else {
      append_utf8(out, 0xfffd);
    }
    at += step.bytes;
  }
  return out;
}

}  // namespace pixnerd
