// SPDX-License-Identifier: MIT
/// \file
/// Building strings without streams or <format>: neither is cheap to include, and g++ has <format> only from
/// version 13 on.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <pixnerd/core/annotations.hpp>

namespace pixnerd {

inline void append_to(std::string& out, std::string_view piece) {
  out += piece;
}
inline void append_to(std::string& out, const char* piece) {
  out += piece;
}
inline void append_to(std::string& out, char piece) {
  out += piece;
}
inline void append_to(std::string& out, bool value) {
  out += value ? "true" : "false";
}

inline void append_to(std::string& out, std::integral auto value) {
  out += std::to_string(value);
}

/// The shortest decimal form that reads back as the same number.
inline void append_to(std::string& out, std::floating_point auto value) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

/// Joins strings, characters and numbers: str_cat("step ", 12, " of ", 40).
template <class... Pieces>
PIXNERD_COLD std::string str_cat(const Pieces&... pieces) {
  std::string out;
  (append_to(out, pieces), ...);
  return out;
}

}  // namespace pixnerd
