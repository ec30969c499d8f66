// SPDX-License-Identifier: MIT
/// \file
/// Unicode normalization form C, through utf8proc (component `tokenizer`).
#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/text/utf8.hpp>

namespace pixnerd {

namespace detail {

/// Canonical decomposition of one code point, appended.
inline void append_decomposition(std::vector<utf8proc_int32_t>& out, char32_t code) {
  utf8proc_int32_t parts[8];  // Unicode's longest canonical one has 4
  int boundary = 0;
  const auto count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), parts, 8, UTF8PROC_DECOMPOSE, &boundary);
  if (count < 1 || count > 8) {
    out.push_back(static_cast<utf8proc_int32_t>(code));
  } else {
    out.insert(out.end(), parts, parts + count);
  }
}

/// Puts each run of combining marks into canonical order. utf8proc does this too, by exchanging
/// neighbors: quadratic time, hours for a long text of marks alone.
inline void order_marks(std::vector<utf8proc_int32_t>& codes) {
  const auto combining = [](utf8proc_int32_t code) { return utf8proc_get_property(code)->combining_class; };
  for (auto begin = codes.begin(); begin != codes.end();) {
    if (combining(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, codes.end(), [&](auto code) { return combining(code) == 0; });
    std::stable_sort(begin, end, [&](auto a, auto b) { return combining(a) < combining(b); });
    begin = end;
  }
}

}  // namespace detail

/// `characters`, which must be UTF-8, in normalization form C: what looks the same as one character or as a
/// letter and marks becomes the same bytes. Time is near linear, whatever the text. Source: Unicode standard
/// annex 15.
inline std::string normalize_nfc(std::string_view characters) {
  // All that is below U+0300, whose bytes are below 0xcc, is in this form.
  const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0xcc; };
  if (std::all_of(characters.begin(), characters.end(), plain)) return std::string(characters);

  std::vector<utf8proc_int32_t> codes;
  codes.reserve(characters.size());
  for (std::size_t at = 0; at < characters.size();) {
    const auto step = detail::utf8_step(characters, at);
    detail::append_decomposition(codes, step.code);
    at += step.bytes;
  }
  detail::order_marks(codes);
  const auto count =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  if (count < 0) raise<ValueError>("normalize text", "text that utf8proc composes", utf8proc_errmsg(count));
  std::string out;
  out.reserve(characters.size());
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    append_utf8(out, static_cast<char32_t>(codes[static_cast<std::size_t>(i)]));
  return out;
}

}  // namespace pixnerd
