// SPDX-License-Identifier: MIT
/// \file
/// Captions of an emoji: its name in Unicode's list, and paraphrases of it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/data/emoji/list.hpp>

namespace pixnerd {

namespace detail {

/// Whether a name starts with a vowel sound. The first letter decides, with exceptions for some of Unicode's
/// names.
inline bool begins_with_vowel(std::string_view name) {
  for (const std::string_view spoken : {"uni", "eu", "ewe", "one"}) {  // unicorn, euro banknote, one o'clock
    if (name.starts_with(spoken)) return false;
  }
  return name.starts_with("hour") ||
         (!name.empty() && std::string_view("aeiouAEIOU").find(name.front()) != std::string_view::npos);
}

/// "a cat", "an owl"; names of several things and those with an article of their own stay as they are.
inline std::string with_article(const std::string& name) {
  const bool plural = name.ends_with('s') && !name.ends_with("ss") && !name.ends_with("us");  // octopus
  if (plural || name.find(':') != name.npos || name.find("no ") == 0) return name;
  return (begins_with_vowel(name) ? "an " : "a ") + name;
}

/// "cat-face" as "cat face".
inline std::string with_spaces(std::string name) {
  for (char& c : name) c = c == '-' ? ' ' : c;
  return name;
}

}  // namespace detail

/// Captions of an emoji, without repetition, its name in Unicode's list first:
///
///     grinning cat
///     a grinning cat
///     emoji of a grinning cat
///     grinning cat face            where the subgroup ends in "face" and the name lacks the word
///     grinning cat, cat face       the name and its subgroup
inline std::vector<std::string> emoji_captions(const EmojiEntry& entry) {
  std::vector<std::string> captions;
  const auto add = [&](std::string caption) {
    for (const auto& known : captions) {
      if (known == caption) return;
    }
    captions.push_back(std::move(caption));
  };
  const std::string kind = detail::with_spaces(entry.subgroup);
  add(entry.name);
  add(detail::with_article(entry.name));
  add("emoji of " + detail::with_article(entry.name));
  if (kind.ends_with(" face") && entry.name.find("face") == entry.name.npos) add(entry.name + " face");
  add(entry.name + ", " + kind);
  return captions;
}

}  // namespace pixnerd
