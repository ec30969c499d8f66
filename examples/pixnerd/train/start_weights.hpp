// SPDX-License-Identifier: MIT
/// \file
/// Training that begins with the weights of a file: the model has their sizes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <pixnerd/train/start_weights.hpp>

#include "commands.hpp"
#include "files/trained_model.hpp"

namespace pixnerd::program {

namespace detail {

/// The settings of a run that takes the sizes of a model. Throws ValueError when the command line asks for
/// others.
struct SizesOfFile {
  const TrainCommand& command;
  const TrainedModel& model;
  TrainSettings settings;

  void take(const char* name, std::int64_t TrainSettings::*setting, std::int64_t value) {
    if (command.given.contains(name) && settings.*setting != value) {
      raise<ValueError>(str_cat("--", name), str_cat(value, ", as of the model in '", model.path, "'"),
                        str_cat(settings.*setting));
    }
    settings.*setting = value;
  }

  template <class Config>
  void take_all(const Config& config) {
    take("patch", &TrainSettings::patch, config.patch);
    take("width", &TrainSettings::width, config.width);
    take("heads", &TrainSettings::heads, config.heads);
    take("depth", &TrainSettings::depth, config.depth);
    take("field-depth", &TrainSettings::field_depth, config.decoder.depth);
    take("field-features", &TrainSettings::field_features, config.decoder.features);
    take("field-ratio", &TrainSettings::field_ratio, config.decoder.ratio);
    if (!command.given.contains("size") && model.size > 0) settings.size = model.size;
  }
};

}  // namespace detail

/// The settings of a new run that begins with the weights of `--start-from`. Throws FileError when the file
/// holds no model, ValueError when that is one of another kind, or the command line asks for other sizes.
inline TrainSettings settings_of_start(const TrainCommand& command, const TrainSettings& settings) {
  const TrainedModel model = model_of_file(settings.start_from, /*average=*/true);
  const auto refuse = [&](const char* expected, const char* got) {
    raise<ValueError>("--start-from", str_cat(expected, " in '", model.path, "'"), got);
  };
  if (model.needs_encoder())
    refuse("a model that was told classes or learned its words",
           "one that takes the features of a text encoder");
  if (settings.text && !model.text()) refuse("a model that learned its words, for --text,", "one of classes");
  if (!settings.text && model.text())
    refuse("a model of classes, without --text,", "one that learned its words");
  if (model.channels() != 3)
    refuse("a model of RGB images", str_cat("one of ", model.channels(), " channels").c_str());
  detail::SizesOfFile sizes{command, model, settings};
  if (const auto* words = std::get_if<PixnerdWordsConfig>(&model.config)) {
    sizes.take_all(*words);
    sizes.take("text-depth", &TrainSettings::text_depth, words->text_depth);
    sizes.take("words", &TrainSettings::words, words->word_ids.words);
    sizes.take("word-rows", &TrainSettings::word_rows, words->word_ids.rows);
    sizes.take("word-parts", &TrainSettings::word_parts, words->word_ids.features);
  } else {
    sizes.take_all(std::get<PixnerdC2iConfig>(model.config));
  }
  return sizes.settings;
}

/// Puts the weights of `--start-from` into the store of a model with their sizes. Vectors of classes stay as
/// they are where the file has those of another number of classes. Throws what start_from_file() throws.
template <class Policy>
void take_start_weights(const std::string& path, const ParameterStore<Policy>& store) {
  const TrainedModel model = model_of_file(path, /*average=*/true);
  start_from_file(*model.file, model.prefix, store, "y_embedder.embedding_table.weight");
}

}  // namespace pixnerd::program
