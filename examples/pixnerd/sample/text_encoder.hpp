// SPDX-License-Identifier: MIT
/// \file
/// The features of prompts, from a text encoder that is there only as long as it takes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/data/qwen3_text.hpp>
#include <pixnerd/nn/precision_by_name.hpp>

#include "commands.hpp"
#include "files/trained_model.hpp"
#include "progress.hpp"
#include "sample/drawing.hpp"
#include "sample/prompts.hpp"

namespace pixnerd::program {

namespace detail {

/// Throws ValueError when a lower bound of what the encoder in a folder and the features of `texts` texts
/// take is above the memory of the device.
template <class Policy>
void check_encoder_fits(const std::string& folder, const PixnerdT2iConfig& config, std::size_t texts,
                        const DeviceChoice& where) {
  const std::string path = folder + "/config.json";
  auto shapes = Initializer::shapes_only();
  const Qwen3<Policy> encoder(qwen3_config_of(read_json_file(path, "Qwen3 configuration"), path), shapes);
  const double needed = sizeof(typename Policy::Compute) * static_cast<double>(parameter_count(encoder)) +
                        sizeof(float) * static_cast<double>(texts) *
                            static_cast<double>(config.text_tokens * config.text_width);
  if (needed > where.memory) {
    raise<ValueError>(
        "--text-encoder",
        str_cat("an encoder and prompts that fit into the ", std::llround(where.memory / 1e6), " MB of ",
                where.memory_owner),
        str_cat("at least ", std::llround(needed / 1e6), " MB for '", folder, "' and ", texts, " texts"));
  }
}

}  // namespace detail

/// Gives a model that takes features of a text encoder those of `texts`, by the one of the command. Returns
/// sentences about what it does not read. Throws what load_qwen3_text() throws, and FileError before it reads
/// anything when the file lacks a parameter of the model.
template <class Device>
std::vector<std::string> encode_texts(const SampleCommand& command, const std::string& precision,
                                      const std::vector<std::string>& texts, Progress& progress,
                                      TrainedModel& trained) {
  auto& config = std::get<PixnerdEncodedTextConfig>(trained.config);
  auto shapes = Initializer::shapes_only();
  pixnerd::detail::check_parameters(*trained.file, PixnerdT2i<On<Cpu>>(config, shapes), trained.prefix);
  const std::string& folder = command.text_encoder;
  return with_policy<Device>(precision, [&](auto policy) {
    using Policy = decltype(policy);
    detail::check_encoder_fits<Policy>(folder, config, texts.size(), command.where);
    progress.show(str_cat("reading the text encoder in ", folder));
    const auto encoder = load_qwen3_text<Policy>(folder, config.text_tokens, config.text_width);
    if (encoder.config().width != config.text_width) {
      progress.note(str_cat("of the text encoder's features, ", encoder.config().width,
                            " a token, the model takes ", config.text_width,
                            encoder.config().width > config.text_width ? ": the last ones are dropped"
                                                                       : ": zeros fill the rest"));
    }
    constexpr std::size_t at_once = 16;
    const auto count = static_cast<std::int64_t>(texts.size());
    const auto on_host = [](const Tensor<float, Device>& x) {
      return Tensor<float>::from_host(x.shape(), x.to_host());
    };
    config.features = Tensor<float>({count + 1, config.text_tokens, config.text_width});
    for (std::size_t first = 0; first < texts.size(); first += at_once) {
      if (progress.due()) progress.show(str_cat("text ", first + 1, " of ", texts.size()));
      const auto some = std::span(texts).subspan(first, std::min(at_once, texts.size() - first));
      const auto begin = static_cast<std::int64_t>(first);
      copy_into(config.features.rows(begin, begin + static_cast<std::int64_t>(some.size())),
                on_host(encoder(some)));
    }
    copy_into(config.features.rows(count, count + 1), on_host(encoder.null_features()));

    std::vector<std::string> notes;
    for (const auto& one : texts) {
      const auto fitted = encoder.tokens_of(one);
      if (fitted.dropped > 0)
        notes.push_back(cut_text(one, fitted.count + fitted.dropped, fitted.count, "tokens"));
    }
    return notes;
  });
}

}  // namespace pixnerd::program
