// SPDX-License-Identifier: MIT
/// \file
/// Color emoji as a data set: small, colorful, free, and on every Debian machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/emoji/captions.hpp>
#include <pixnerd/data/emoji/font.hpp>
#include <pixnerd/data/emoji/list.hpp>
#include <pixnerd/image/resize.hpp>
#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// Which emoji to draw, and the paths of the font and the list. Defaults are the paths of Debian's packages
/// fonts-noto-color-emoji and unicode-data.
struct EmojiOptions {
  std::vector<std::string> groups = {"Smileys & Emotion", "Animals & Nature",
                                     "Food & Drink"};  ///< empty: all
  bool skin_tones = false;                             ///< also the variants with one of the five skin tones
  std::string font = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
  std::string list = "/usr/share/unicode/emoji/emoji-test.txt";
};

/// The fully-qualified emoji of some groups, in Unicode's order, on white. A class is a subgroup
/// ("cat-face"), the captions are the name ("grinning cat") and paraphrases of it. All are drawn once, by the
/// constructor (60 kB and about 0.5 ms each).
class Emoji {
 public:
  /// Throws FileError when the font or the list is missing or damaged, or the font has none of the emoji, and
  /// ValueError for a group that the list does not have.
  explicit Emoji(const EmojiOptions& options = {}) {
    const EmojiFont font(options.font);
    const auto bytes = read_file(options.list, max_emoji_list_bytes);
    const auto list =
        parse_emoji_list({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, options.list);
    check_groups(options, list);
    for (const EmojiEntry& entry : list) {
      if (!options.groups.empty() && !contains(options.groups, entry.group)) continue;
      if (!options.skin_tones && entry.has_skin_tone()) continue;
      auto image = font.draw(entry.sequence);
      if (!image) {
        ++skipped_;
        continue;
      }
      if (!contains(classes_, entry.subgroup)) classes_.push_back(entry.subgroup);
      const auto label = std::find(classes_.begin(), classes_.end(), entry.subgroup) - classes_.begin();
      emoji_.push_back({std::move(*image), label, emoji_captions(entry)});
    }
    if (emoji_.empty()) {
      raise<FileError>("emoji",
                       str_cat("a font with emoji of the list '", options.list, "' in '", options.font, "'"),
                       "none");
    }
  }

  std::int64_t size() const { return static_cast<std::int64_t>(emoji_.size()); }
  std::int64_t class_count() const { return static_cast<std::int64_t>(classes_.size()); }
  const std::string& class_name(std::int64_t label) const {
    return classes_[detail::checked_index("emoji", "classes", label, classes_.size())];
  }
  std::int64_t label(std::int64_t index) const { return drawn(index).label; }
  /// The name of an emoji.
  const std::string& name(std::int64_t index) const { return drawn(index).captions.front(); }
  /// The name and paraphrases, see emoji_captions().
  const std::vector<std::string>& captions(std::int64_t index) const { return drawn(index).captions; }

  Example read(std::int64_t index, int size) const {
    const Drawn& chosen = drawn(index);
    return {center_crop(chosen.image, size), chosen.label};
  }

  /// How many of the chosen emoji the font cannot draw as one glyph.
  std::int64_t skipped() const { return skipped_; }

 private:
  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  static void check_groups(const EmojiOptions& options, const std::vector<EmojiEntry>& list) {
    std::vector<std::string> known;
    std::string all;
    for (const EmojiEntry& entry : list) {
      if (contains(known, entry.group)) continue;
      known.push_back(entry.group);
      all += str_cat(all.empty() ? "'" : ", '", entry.group, "'");
    }
    for (const std::string& group : options.groups) {
      if (!contains(known, group))
        raise<ValueError>("emoji", str_cat("one of the groups ", all), str_cat("'", group, "'"));
    }
  }

  struct Drawn {
    Image image;
    std::int64_t label;
    std::vector<std::string> captions;
  };

  const Drawn& drawn(std::int64_t index) const {
    return emoji_[detail::checked_index("emoji", "images", index, emoji_.size())];
  }

  std::vector<std::string> classes_;
  std::vector<Drawn> emoji_;
  std::int64_t skipped_ = 0;
};

}  // namespace pixnerd
