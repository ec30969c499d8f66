// SPDX-License-Identifier: MIT
/// \file
/// The list of all emoji that Unicode publishes as emoji-test.txt (UTS #51): sequences, names, groups.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// One emoji of the list.
struct EmojiEntry {
  std::u32string sequence;  ///< its code points
  std::string name;         ///< "grinning face"
  std::string group;        ///< "Smileys & Emotion"
  std::string subgroup;     ///< "face-smiling"

  /// Whether it is a variant with one of the five skin tones (U+1F3FB ... U+1F3FF).
  bool has_skin_tone() const {
    return std::any_of(sequence.begin(), sequence.end(),
                       [](char32_t c) { return c >= 0x1F3FB && c <= 0x1F3FF; });
  }
};

/// Largest list, in bytes; the list of Unicode 15 has 600,000. An emoji in memory takes several times the
/// size of its line.
inline constexpr std::uint64_t max_emoji_list_bytes = 1 << 21;

namespace detail {

inline constexpr std::size_t max_group_bytes = 100;

inline std::string_view trimmed(std::string_view piece) {
  const auto first = piece.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return piece.substr(first, piece.find_last_not_of(" \t\r") - first + 1);
}

/// "1F600 FE0F" as code points; nothing where it is something else.
inline std::u32string parse_code_points(std::string_view field) {
  std::u32string sequence;
  while (!field.empty()) {
    const auto end = std::min(field.find(' '), field.size());
    std::uint32_t code = 0;
    const auto [stop, error] = std::from_chars(field.data(), field.data() + end, code, 16);
    if (error != std::errc() || stop != field.data() + end || code == 0 || code > 0x10FFFF) return {};
    sequence.push_back(code);
    field = trimmed(field.substr(end));
  }
  return sequence;
}

}  // namespace detail

/// The fully-qualified emoji of the text of emoji-test.txt, in its order. Its lines are
///
///     # group: Smileys & Emotion
///     # subgroup: face-smiling
///     1F600 ; fully-qualified # (the emoji) E1.0 grinning face
///
/// and comments; `name` is for messages. Throws FileError, naming the line, for any other line.
inline std::vector<EmojiEntry> parse_emoji_list(std::string_view content, const std::string& name) {
  std::vector<EmojiEntry> entries;
  std::string group, subgroup;
  for (int number = 1; !content.empty(); ++number) {
    const auto end = std::min(content.find('\n'), content.size());
    std::string_view line = detail::trimmed(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
    const auto value_of = [&](std::string_view key) {
      return line.starts_with(key) ? detail::trimmed(line.substr(key.size())) : std::string_view();
    };
    if (const auto value = value_of("# group:"); !value.empty()) group = value;
    if (const auto value = value_of("# subgroup:"); !value.empty()) subgroup = value;
    // Each emoji holds both.
    if (const auto longer = std::max(group.size(), subgroup.size()); longer > detail::max_group_bytes) {
      raise<FileError>("emoji list",
                       str_cat("a group's name of at most ", detail::max_group_bytes, " bytes in line ",
                               number, " of '", name, "'"),
                       str_cat(longer));
    }
    if (line.empty() || line.front() == '#') continue;

    // CODES ; STATUS # EMOJI VERSION NAME
    const auto semicolon = std::min(line.find(';'), line.size());
    const auto hash = std::min(line.find('#', semicolon), line.size());
    std::string_view title = detail::trimmed(line.substr(std::min(hash + 1, line.size())));
    for (int word = 0; word < 2; ++word) {
      title = detail::trimmed(title.substr(std::min(title.find(' '), title.size())));
    }
    EmojiEntry entry{detail::parse_code_points(detail::trimmed(line.substr(0, semicolon))),
                     std::string(title), group, subgroup};
    if (hash == line.size() || entry.sequence.empty() || title.empty() || subgroup.empty()) {
      raise<FileError>("emoji list",
                       str_cat("'codes ; status # emoji version name' in line ", number, " of '", name, "'"),
                       str_cat("'", line.substr(0, 100), "'"));
    }
    if (detail::trimmed(line.substr(semicolon + 1, hash - semicolon - 1)) == "fully-qualified") {
      entries.push_back(std::move(entry));
    }
  }
  if (entries.empty()) raise<FileError>("emoji list", str_cat("emoji in '", name, "'"), "none");
  return entries;
}

}  // namespace pixnerd
