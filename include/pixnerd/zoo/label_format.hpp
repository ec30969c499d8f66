// SPDX-License-Identifier: MIT
/// \file
/// The form in which a model is given its conditions as numbers: a class, or the words of a text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <pixnerd/core/shape.hpp>
#include <pixnerd/text/words.hpp>

namespace pixnerd {

/// The form of a label: shape () for a class, (n, G) for n words of G numbers each.
struct LabelFormat {
  Shape shape;
  std::vector<std::int64_t> null_label;  ///< the label of the null condition
  std::optional<WordIdOptions> words;    ///< none where labels are classes

  static LabelFormat of_classes(std::int64_t classes) { return {{}, {classes}, {}}; }
  static LabelFormat of_words(const WordIdOptions& words) {
    return {Shape{words.words, words.features},
            std::vector<std::int64_t>(static_cast<std::size_t>(words.words * words.features)), words};
  }

  /// Numbers of a label.
  std::int64_t count() const { return static_cast<std::int64_t>(null_label.size()); }
};

}  // namespace pixnerd
