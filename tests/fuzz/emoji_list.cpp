// SPDX-License-Identifier: MIT
/// \file
/// Unicode's emoji-test.txt, and what the emoji that it lists are called.
#include <cstdint>
#include <string_view>

#include <pixnerd/data/emoji/captions.hpp>
#include <pixnerd/data/emoji/list.hpp>

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pixnerd::fuzz::finding;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  return pixnerd::fuzz::run(size, "'emoji-test.txt'", [&] {
    const auto entries = pixnerd::parse_emoji_list(content, "emoji-test.txt");
    if (entries.empty()) finding("a list without emoji");
    for (const auto& entry : entries) {
      if (entry.sequence.empty() || entry.name.empty() || entry.subgroup.empty()) finding("half an emoji");
      for (const char32_t code : entry.sequence) {
        if (code == 0 || code > 0x10FFFF) finding("a code point that is none");
      }
      const auto captions = pixnerd::emoji_captions(entry);
      if (captions.empty() || captions.front() != entry.name) finding("captions without the name");
    }
  });
}
