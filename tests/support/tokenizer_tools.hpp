// SPDX-License-Identifier: MIT
/// \file
/// Shared by tests of tokenizers: a small tokenizer made in code.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/text/tokenizer.hpp>

namespace pixnerd::test {

/// A complete tokenizer.json: all 256 bytes at the ids of their values, "th" and "the", and one special
/// token.
inline nlohmann::json small_tokenizer() {
  nlohmann::json vocabulary = nlohmann::json::object();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::string symbol;
    append_utf8(symbol, detail::byte_symbols[byte]);
    vocabulary[symbol] = byte;
  }
  vocabulary["th"] = 256;
  vocabulary["the"] = 257;
  using json = nlohmann::json;
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", "\\p{L}+|\\s+(?!\\S)|\\s+|[^\\s\\p{L}]+"}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  json root;
  root["added_tokens"] = json::array({{{"id", 258}, {"content", "<|end|>"}, {"special", true}}});
  root["normalizer"] = {{"type", "NFC"}};
  root["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array({split, bytes})}};
  root["decoder"] = {{"type", "ByteLevel"}};
  root["model"] = {{"type", "BPE"},
                   {"vocab", vocabulary},
                   {"merges", json::array({json::array({"t", "h"}), json::array({"th", "e"})})}};
  return root;
}

inline Tokenizer parse_and_make(std::string_view characters) {
  return {parse_tokenizer(characters, "F"), "F"};
}
inline Tokenizer make_tokenizer(const nlohmann::json& root) {
  return parse_and_make(root.dump());
}

}  // namespace pixnerd::test
