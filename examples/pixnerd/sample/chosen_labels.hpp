// SPDX-License-Identifier: MIT
/// \file
/// What `sample` draws: classes or prompts, as labels of its images.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <pixnerd/data/labels.hpp>
#include <pixnerd/zoo/registry.hpp>
#include "commands.hpp"
#include "files/trained_model.hpp"
#include "sample/class_choice.hpp"
#include "sample/prompts.hpp"

namespace pixnerd::program {

/// What the images show.
struct ChosenLabels {
  Labels labels;                       ///< of all images
  std::size_t choices = 0;             ///< how many labels take turns; 0: every class
  std::vector<std::int64_t> second{};  ///< labels of all images to blend with; empty: none
};

namespace detail {

/// Throws ValueError for options of other kinds of models, and where one is missing.
inline void check_label_options(const SampleCommand& command, const TrainedModel& trained) {
  const bool prompted = !command.prompts.empty() || !command.prompt_file.empty();
  const auto the_model = [&](const char* option, const char* what) {
    return str_cat(option, ", for the model in '", trained.path, "' ", what);
  };
  if (!trained.text() && prompted)
    raise<ValueError>("--prompt", the_model("--classes NAME,...", "was trained with classes"), "--prompt");
  if (trained.text() && (!prompted || !command.classes.empty())) {
    const char* const got = command.classes.empty() ? "none" : "--classes";
    raise<ValueError>(command.classes.empty() ? "sample" : got,
                      the_model("--prompt TEXT", "was trained with texts"), got);
  }
  if (trained.needs_encoder() && command.text_encoder.empty()) {
    raise<ValueError>("sample", the_model("--text-encoder DIR", "takes the features of one, a Qwen3"),
                      "none");
  }
  if (!trained.needs_encoder() && !command.text_encoder.empty()) {
    raise<ValueError>("--text-encoder",
                      str_cat("a model that takes the features of a text encoder in '", trained.path, "'"),
                      trained.text() ? "one that learned its words" : "one that was trained with classes");
  }
}

inline ChosenLabels choose_prompts(const SampleCommand& command, const AnyModelConfig& config) {
  const auto* const words = std::get_if<PixnerdWordsConfig>(&config);
  const auto prompts = read_prompts(command, /*learned=*/words != nullptr);
  ChosenLabels out{{}, prompts.size()};
  if (command.blend_with) check_prompt(*command.blend_with, "--blend-with", words != nullptr);
  if (words != nullptr) {
    const LabelFormat format = PixnerdWords::labels(*words);
    if (command.blend_with) out.second = prompt_labels(format, {*command.blend_with}, command.count).numbers;
    out.labels = prompt_labels(format, prompts, command.count);
    return out;
  }
  // Numbers of texts_of().
  const std::int64_t used = std::min(static_cast<std::int64_t>(prompts.size()), command.count);
  for (std::int64_t i = 0; i < command.count; ++i) {
    out.labels.numbers.push_back(i % used);
    out.labels.names.push_back(prompts[static_cast<std::size_t>(i % used)]);
  }
  if (command.blend_with) out.second.assign(out.labels.numbers.size(), used);
  return out;
}

inline ChosenLabels choose_class_labels(const SampleCommand& command, const TrainedModel& trained) {
  const std::int64_t classes = std::get<PixnerdC2iConfig>(trained.config).classes;
  ChosenLabels out{{}, command.classes.size()};
  out.labels.numbers = choose_classes(command.classes, trained.classes, classes, command.count);
  for (const auto label : out.labels.numbers) out.labels.names.push_back(class_text(trained.classes, label));
  if (command.blend_with) {
    const auto second = parse_class(*command.blend_with, trained.classes, classes, "--blend-with");
    out.second.assign(out.labels.numbers.size(), second);
  }
  return out;
}

}  // namespace detail

/// The labels of all images. Throws ValueError for what the model does not know: prompts and classes are each
/// for one kind of models.
inline ChosenLabels choose_labels(const SampleCommand& command, const TrainedModel& trained) {
  detail::check_label_options(command, trained);
  return trained.text() ? detail::choose_prompts(command, trained.config)
                        : detail::choose_class_labels(command, trained);
}

/// The texts of all images, prompts and then what is blended in: labels for a text encoder are their numbers.
inline std::vector<std::string> texts_of(const SampleCommand& command, const ChosenLabels& chosen) {
  const auto& names = chosen.labels.names;
  const auto used = static_cast<std::ptrdiff_t>(std::min(chosen.choices, names.size()));
  std::vector<std::string> texts(names.begin(), names.begin() + used);
  if (command.blend_with) texts.push_back(*command.blend_with);
  return texts;
}

/// Says what is not drawn, for want of images.
inline std::vector<std::string> left_out_prompts(const SampleCommand& command, const ChosenLabels& chosen) {
  const auto count = static_cast<std::size_t>(command.count);
  const bool prompted = !command.prompts.empty() || !command.prompt_file.empty();
  if (!prompted || chosen.choices <= count) return {};
  const std::string drawn = count == 1 ? "the first is" : str_cat("the first ", count, " are");
  return {str_cat("of the ", chosen.choices, " prompts ", drawn, " drawn; --count ", chosen.choices,
                  " draws all")};
}

/// Says which texts are longer than what a model that learned its words reads.
inline std::vector<std::string> cut_prompts(const SampleCommand& command, const PixnerdWordsConfig& config,
                                            const ChosenLabels& chosen) {
  std::vector<std::string> notes;
  for (const auto& one : texts_of(command, chosen)) {
    const auto words = static_cast<std::int64_t>(split_words(one).size());
    if (words > config.text_tokens) notes.push_back(cut_text(one, words, config.text_tokens, "words"));
  }
  return notes;
}

}  // namespace pixnerd::program
