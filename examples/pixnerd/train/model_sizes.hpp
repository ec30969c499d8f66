// SPDX-License-Identifier: MIT
/// \file
/// The sizes of the model that a training run asks for.
#pragma once

#include <cstdint>
#include <type_traits>

#include <pixnerd/zoo/registry.hpp>

#include "train/settings.hpp"

namespace pixnerd::program {

/// The sizes of a model of a family that can be trained.
template <ModelFamily Family>
typename Family::Config config_of_settings(const TrainSettings& settings, std::int64_t classes) {
  typename Family::Config out;
  out.channels = 3;
  out.patch = settings.patch;
  out.width = settings.width;
  out.heads = settings.heads;
  out.depth = settings.depth;
  out.decoder = {settings.field_depth, settings.field_features, settings.field_ratio};
  if constexpr (std::is_same_v<Family, PixnerdClasses>) {
    out.classes = classes;
  } else {
    out.text_depth = settings.text_depth;
    out.text_width = settings.width;
    out.text_tokens = settings.words;
    out.word_ids = {.rows = settings.word_rows, .words = settings.words, .features = settings.word_parts};
  }
  return out;
}

/// Calls work(family) with the family that is trained on texts, or on classes.
template <class Work>
auto with_family(bool text, Work work) {
  return text ? work(PixnerdWords{}) : work(PixnerdClasses{});
}

}  // namespace pixnerd::program
