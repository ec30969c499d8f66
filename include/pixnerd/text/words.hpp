// SPDX-License-Identifier: MIT
/// \file
/// Hashes words and their letter trigrams to ids, so that unseen words still share ids with similar known
/// words.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// Sizes of the hashing. Part of a model's configuration, since ids are rows of its embedding table.
struct WordIdOptions {
  std::int64_t rows = 4096;    ///< K: numbers are below; 0 stands for nothing
  std::int64_t words = 16;     ///< n: words of a text; what follows is cut off
  std::int64_t features = 12;  ///< G: numbers of a word

  bool operator==(const WordIdOptions&) const = default;

  /// Throws ValueError unless there are at least two rows, one word and one number.
  void check() const {
    if (rows < 2 || words < 1 || features < 1) {
      raise<ValueError>("word ids", "at least 2 rows, 1 word and 1 feature",
                        str_cat(rows, " rows, ", words, " words and ", features, " features"));
    }
  }
};

/// The words of a text: runs of letters and digits, in lower case. Bytes above 127, which make up all letters
/// but those of English, count as letters, and their case is kept.
inline std::vector<std::string> split_words(std::string_view content) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || byte > 127;
    if (letter && !inside) words.emplace_back();
    if (letter) words.back() += upper ? static_cast<char>(c - 'A' + 'a') : c;
    inside = letter;
  }
  return words;
}

namespace detail {

/// FNV-1a, 64 bits, then as a row above 0.
inline std::int64_t feature_row(std::string_view feature, std::int64_t rows) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : feature) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  hash ^= hash >> 32;  // the low bits alone are the weakest
  return 1 + static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(rows - 1));
}

}  // namespace detail

/// Numbers (n, G) of a text, row-major. A word's are a number for the whole of it, then one for each three
/// neighboring letters of "<word>", from the left, as many as there is room for: "cat" gives those of
/// "<cat>", "<ca", "cat" and "at>". Places without a word or letters hold 0. Different strings may share a
/// number.
inline std::vector<std::int64_t> word_ids(std::string_view content, const WordIdOptions& options = {}) {
  options.check();
  std::vector<std::int64_t> ids(static_cast<std::size_t>(options.words * options.features));
  const auto words = split_words(content);
  const auto count = std::min(words.size(), static_cast<std::size_t>(options.words));
  for (std::size_t w = 0; w < count; ++w) {
    const std::string whole = "<" + words[w] + ">";
    std::int64_t* to = ids.data() + w * static_cast<std::size_t>(options.features);
    to[0] = detail::feature_row(whole, options.rows);
    const auto parts =
        std::min<std::int64_t>(options.features - 1, static_cast<std::int64_t>(whole.size()) - 2);
    for (std::int64_t i = 0; i < parts; ++i) {
      to[1 + i] =
          detail::feature_row(std::string_view(whole).substr(static_cast<std::size_t>(i), 3), options.rows);
    }
  }
  return ids;
}

}  // namespace pixnerd
