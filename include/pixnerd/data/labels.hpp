// SPDX-License-Identifier: MIT
/// \file
/// Labels of images as numbers, in the format of a model: their classes, or the words of their captions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/data/dataset.hpp>
#include <pixnerd/data/loader.hpp>
#include <pixnerd/zoo/label_format.hpp>

namespace pixnerd {

/// Labels of some images, one after another, and what each says, for people.
struct Labels {
  std::vector<std::int64_t> numbers;
  std::vector<std::string> names;

  std::int64_t count() const { return static_cast<std::int64_t>(names.size()); }
};

/// The label of a text, appended to others.
inline void append_words(const LabelFormat& format, const std::string& caption,
                         std::vector<std::int64_t>& numbers) {
  const auto ids = word_ids(caption, *format.words);
  numbers.insert(numbers.end(), ids.begin(), ids.end());
}

/// Where labels are words: gives a batch those of its captions.
inline void label_batch(const LabelFormat& format, Batch& batch) {
  if (!format.words) return;
  batch.labels.clear();
  for (const auto& caption : batch.captions) append_words(format, caption, batch.labels);
}

/// Labels of `count` pictures of samples, spread over the classes, or the captions, of a data set.
inline Labels spread_labels(const LabelFormat& format, const AnyDataset& images, std::int64_t count) {
  Labels out;
  const std::int64_t choices = format.words ? images.size() : images.class_count();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t chosen = count < choices ? i * choices / count : i % choices;
    if (format.words) {
      out.names.push_back(images.captions(chosen).front());
      append_words(format, out.names.back(), out.numbers);
    } else {
      out.names.push_back(images.class_name(chosen));
      out.numbers.push_back(chosen);
    }
  }
  return out;
}

}  // namespace pixnerd
