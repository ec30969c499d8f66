// SPDX-License-Identifier: MIT
/// \file
/// Splits text with a regular expression, through PCRE2 (component `tokenizer`).
#pragma once

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

namespace detail {

/// A deleter that calls one of PCRE2's free functions.
template <auto Free>
struct PcreFree {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

inline std::string pcre_message(int number) {
  PCRE2_UCHAR8 words[256];
  if (pcre2_get_error_message_8(number, words, sizeof words) < 0) return str_cat("error ", number);
  return reinterpret_cast<const char*>(words);
}

/// The pattern with `\s` and `\S` written out as Unicode's white space: to PCRE2 the Mongolian vowel
/// separator, U+180E, is a space as well.
inline std::string with_unicode_spaces(std::string_view pattern) {
  constexpr std::string_view spaces = "\\t-\\r\\x{85}\\p{Z}";
  std::string out;
  bool inside = false;  // square brackets
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    const char next = at + 1 < pattern.size() ? pattern[at + 1] : '\0';
    if (c == '\\' && (next == 's' || (next == 'S' && !inside))) {
      out += inside ? str_cat(spaces) : str_cat(next == 's' ? "[" : "[^", spaces, "]");
      ++at;
    } else if (c == '\\' && at + 1 < pattern.size()) {
      out += pattern.substr(at++, 2);
    } else if (inside && c == '[' && next == ':') {  // a class by name ends with a bracket of its own
      const auto end = pattern.find(":]", at + 2);
      const auto length = end == pattern.npos ? pattern.size() - at : end + 2 - at;
      out += pattern.substr(at, length);
      at += length - 1;
    } else if (!inside && c == '[') {
      inside = true;
      out += c;
      if (next == '^') out += pattern[++at];
      // A bracket right after the opening one is a member.
      if (at + 1 < pattern.size() && pattern[at + 1] == ']') out += pattern[++at];
    } else {
      if (c == ']') inside = false;
      out += c;
    }
  }
  return out;
}

}  // namespace detail

/// A regular expression that splits text into pieces. Copies share the compiled pattern. Safe to use from
/// several threads.
class SplitPattern {
 public:
  /// `pattern` is UTF-8; `path` names its source in messages. Throws FileError when the pattern is invalid or
  /// matches the empty text.
  SplitPattern(std::string_view pattern, const std::string& path) {
    const auto refuse = [&](std::string_view expected, std::string_view got) {
      raise<FileError>("tokenizer", str_cat(expected, " in '", path, "'"), got);
    };
    constexpr std::size_t most_bytes = 10'000;
    if (pattern.size() > most_bytes) {
      refuse(str_cat("a split pattern of at most ", most_bytes, " bytes"), str_cat(pattern.size()));
    }
    const std::string written = detail::with_unicode_spaces(pattern);
    int number = 0;
    PCRE2_SIZE place = 0;
    constexpr std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    code_.reset(pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(written.data()), written.size(), options,
                                &number, &place, nullptr),
                detail::PcreFree<pcre2_code_free_8>());
    if (code_ == nullptr) refuse("a regular expression as split pattern", detail::pcre_message(number));
    std::uint32_t matches_empty = 0;
    pcre2_pattern_info_8(code_.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
    if (matches_empty != 0) refuse("a split pattern that matches no empty text", "one that does");
    pcre2_jit_compile_8(code_.get(), PCRE2_JIT_COMPLETE);  // where it fails, matching interprets
  }

  /// Calls `piece(std::string_view)` for the pieces of `characters` in order: every match, and what lies
  /// between two. `characters` must be UTF-8. Throws ValueError when matching exceeds the step limit on this
  /// text.
  template <class Piece>
  void split(std::string_view characters, Piece piece) const {
    const std::unique_ptr<pcre2_match_data_8, detail::PcreFree<pcre2_match_data_free_8>> match(
        pcre2_match_data_create_8(1, nullptr));
    const std::unique_ptr<pcre2_match_context_8, detail::PcreFree<pcre2_match_context_free_8>> context(
        pcre2_match_context_create_8(nullptr));
    if (!match || !context) raise<ValueError>("tokenizer", "memory for matching", "none");
    // One match may go back over the whole text once or twice, not once for every character.
    const auto limit = std::min<std::size_t>(100'000 + 8 * characters.size(), 0xffff'ffff);
    pcre2_set_match_limit_8(context.get(), static_cast<std::uint32_t>(limit));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer_8(match.get());
    std::size_t done = 0;
    while (done < characters.size()) {
      const auto search = [&](std::uint32_t options) {
        return pcre2_match_8(code_.get(), reinterpret_cast<PCRE2_SPTR8>(characters.data()), characters.size(),
                             done, options, match.get(), context.get());
      };
      int found = search(PCRE2_NO_UTF_CHECK);
      // The JIT's default stack of 32 KB is too small to backtrack through a long word of repeated groups.
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = search(PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) {
        raise<ValueError>("tokenizer", str_cat("a text that its pattern splits from byte ", done, " on"),
                          detail::pcre_message(found));
      }
      // Lookaround can still make a match empty, or end it before its begin; nothing is lost then.
      const std::size_t begin = ends[0], end = ends[1];
      if (end <= begin)
        raise<ValueError>("tokenizer", "a pattern whose matches have characters", "an empty match");
      if (begin > done) piece(characters.substr(done, begin - done));
      piece(characters.substr(begin, end - begin));
      done = end;
    }
    if (done < characters.size()) piece(characters.substr(done));
  }

 private:
  std::shared_ptr<pcre2_code_8> code_;
};

}  // namespace pixnerd
