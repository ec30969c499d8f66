/// \file
/// How byte-level vocabularies spell bytes: each as a printable character.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <pixnerd/text/utf8.hpp>

namespace pixnerd::detail {

/// The printable character that stands for a byte in vocabularies: itself where it is printable in Latin-1, else one
/// from U+0100 on. Source: GPT-2's bytes_to_unicode.
inline constexpr std::array<char32_t, 256> byte_symbols = [] {
  std::array<char32_t, 256> symbols{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    symbols[byte] = printable ? byte : next++;
  }
  return symbols;
}();

/// A token's bytes, from its spelling. A token that is spelled otherwise stands for itself.
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
