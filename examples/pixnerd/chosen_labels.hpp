/// \file
/// What `sample` draws: classes or prompts, as labels of its images.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "class_choice.hpp"
#include "commands.hpp"
#include "drawing.hpp"
#include "prompts.hpp"
#include "trained_model.hpp"

namespace pixnerd::program {

namespace detail {

/// Throws ValueError for options of other kinds of models, and where one is missing.
inline void check_label_options(const SampleCommand& command, const TrainedModel& trained) {
  const bool prompted = !command.prompts.empty() || !command.prompt_file.empty();
  const auto the_model = [&](const char* option, const char* what) {
    return text(option, ", for the model in '", trained.path, "' ", what);
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
                      text("a model that takes the features of a text encoder in '", trained.path, "'"),
                      trained.text() ? "one that learned its words" : "one that was trained with classes");
  }
}

inline Labels choose_prompts(const SampleCommand& command, const AnyConfig& config, DrawOptions& options,
                             std::size_t& choices) {
  const auto* const words = std::get_if<TextModelConfig>(&config);
  const auto prompts = read_prompts(command, /*learned=*/words != nullptr);
  choices = prompts.size();
  if (command.blend_with) check_prompt(*command.blend_with, "--blend-with", words != nullptr);
  if (words != nullptr) {
    const LabelFormat format = TextKind::labels(*words);
    if (command.blend_with)
      options.second = prompt_labels(format, {*command.blend_with}, command.count).numbers;
    return prompt_labels(format, prompts, command.count);
  }
  // Numbers of texts_of().
  Labels labels;
  const std::int64_t used = std::min(static_cast<std::int64_t>(prompts.size()), command.count);
  for (std::int64_t i = 0; i < command.count; ++i) {
    labels.numbers.push_back(i % used);
    labels.names.push_back(prompts[static_cast<std::size_t>(i % used)]);
  }
  if (command.blend_with) options.second.assign(labels.numbers.size(), used);
  return labels;
}

inline Labels class_labels(const SampleCommand& command, const TrainedModel& trained, DrawOptions& options,
                           std::size_t& choices) {
  const std::int64_t classes = std::get<PixnerdC2iConfig>(trained.config).classes;
  choices = command.classes.size();
  Labels labels;
  labels.numbers = choose_classes(command.classes, trained.classes, classes, command.count);
  for (const auto label : labels.numbers) labels.names.push_back(class_text(trained.classes, label));
  if (command.blend_with) {
    const auto second = parse_class(*command.blend_with, trained.classes, classes, "--blend-with");
    options.second.assign(labels.numbers.size(), second);
  }
  return labels;
}

}  // namespace detail

/// The labels of all images, and of what is blended in, in `options`; `choices` is how many take turns. Throws ValueError for
/// what the model does not know: prompts and classes are each for one kind of models.
inline Labels choose_labels(const SampleCommand& command, const TrainedModel& trained, DrawOptions& options,
                            std::size_t& choices) {
  detail::check_label_options(command, trained);
  if (command.blend) {
    if (!(*command.blend >= 0 && *command.blend <= 1))
      raise<ValueError>("--blend", "a share from 0 to 1", text(*command.blend));
    options.blend = *command.blend;
  }
  return trained.text() ? detail::choose_prompts(command, trained.config, options, choices)
                        : detail::class_labels(command, trained, options, choices);
}

/// The texts that labels for a text encoder are numbers of: prompts, then what is blended in.
inline std::vector<std::string> texts_of(const SampleCommand& command, const Labels& labels,
                                         std::size_t choices) {
  const auto used = static_cast<std::ptrdiff_t>(std::min(choices, labels.names.size()));
  std::vector<std::string> texts(labels.names.begin(), labels.names.begin() + used);
  if (command.blend_with) texts.push_back(*command.blend_with);
  return texts;
}

/// Says which prompts are longer than what a model that learned its words reads.
inline std::vector<std::string> cut_prompts(const TextModelConfig& config, const Labels& labels,
                                            std::size_t choices) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < std::min(choices, labels.names.size()); ++i) {
    const auto words = static_cast<std::int64_t>(split_words(labels.names[i]).size());
    if (words > config.text_tokens)
      notes.push_back(cut_text(labels.names[i], words, config.text_tokens, "words"));
  }
  return notes;
}

}  // namespace pixnerd::program
