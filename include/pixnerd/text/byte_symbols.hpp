// SPDX-License-Identifier: MIT
/// \file
/// The printable characters that stand for bytes in byte-level vocabularies.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <pixnerd/text/utf8.hpp>

namespace pixnerd::detail {

/// The printable character that stands for a byte in vocabularies: itself where it is printable in Latin-1,
/// else one from U+0100 on. Source: bytes_to_unicode() in src/encoder.py of openai/gpt-2.
inline constexpr std::array<char32_t, 256> byte_symbols = [] {
  std::array<char32_t, 256> symbols{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    symbols[byte] = printable ? byte : next++;
  }
  return symbols;
}();

/// The bytes of a token spelled with these characters. A token with any other character stands for its own
/// UTF-8 bytes.
inline std::string bytes_of_token(std::string_view spelling) {
  std::string bytes;
  for (std::size_t at = 0; at < spelling.size();) {
    const auto step = utf8_step(spelling, at);
    std::size_t byte = step.code;
    if (step.code >= 0x100) {
      for (byte = 0; byte < 256 && byte_symbols[byte] != step.code;) ++byte;
    }
    if (byte >= 256 || byte_symbols[byte] != step.code) return std::string(spelling);
    bytes += static_cast<char>(byte);
    at += step.bytes;
  }
  return bytes;
}

}  // namespace pixnerd::detail
