// SPDX-License-Identifier: MIT
/// \file
/// Tokenizers: an input that begins with 'T' is text for a fixed one; any other is a tokenizer.json, behind
/// which a byte 0xff and a text may stand. What is read must encode any UTF-8 and decode it to the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/tokenizer_tools.hpp"
#include "target.hpp"

namespace {

using pixnerd::fuzz::finding;

/// `same`: whether the tokenizer spells its vocabulary in bytes and normalizes, so that decoding gives the
/// text back.
void encode(const pixnerd::Tokenizer& tokenizer, std::string_view characters, bool same) {
  const auto ids = tokenizer.encode(characters);
  if (ids.size() > 4 * characters.size()) finding("more tokens than a tokenizer may make of a text");
  for (const auto id : ids) {
    if (id < 0 || id >= tokenizer.size()) finding("an id that no token has");
  }
  const std::string decoded = tokenizer.decode(ids);
  // Added tokens part the text, and each part is normalized on its own.
  if (same && characters.find("<|end|>") == characters.npos &&
      decoded != pixnerd::normalize_nfc(characters)) {
    finding("a text that is another one once it was decoded");
  }
}

const pixnerd::Tokenizer& fixed_tokenizer() {
  static const pixnerd::Tokenizer tokenizer = [] {
    auto root = pixnerd::test::small_tokenizer();
    root["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
        "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
        "\\s+(?!\\S)|\\s+";
    return pixnerd::test::make_tokenizer(root);
  }();
  return tokenizer;
}

void read_definition(std::string_view input) {
  const auto split = std::min(input.find('\xff'), input.size());
  std::string path = "tokenizer.json";
  try {
    const pixnerd::Tokenizer tokenizer(pixnerd::parse_tokenizer(input.substr(0, split), path), path);
    encode(tokenizer, "the cat 's \xc3\xa9 <|end|>", false);
    // What a file's pattern costs is its author's choice, so little text.
    if (split < input.size()) encode(tokenizer, input.substr(split + 1, 64), false);
  } catch (const pixnerd::FileError& error) {
    if (std::string_view(error.what()).find("'tokenizer.json'") == std::string_view::npos) {
      finding(std::string("a message that does not name the file: ") + error.what());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto& fixed = fixed_tokenizer();
  return pixnerd::fuzz::run(size, "[tokenizer]", [&] {
    if (input.substr(0, 1) == "T") {
      encode(fixed, input.substr(1), true);
    } else {
      read_definition(input);
    }
  });
}
