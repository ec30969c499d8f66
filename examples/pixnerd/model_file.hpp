/// \file
/// Building a model from nothing but a file of its parameters: their shapes tell its sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/zoo/c2i_file.hpp>
#include <pixnerd/zoo/t2i_file.hpp>

#include "model_kind.hpp"

namespace pixnerd::program {

namespace detail {

/// The name of the table of words that a text-to-image model was trained with.
inline std::string word_table(const std::string& prefix) {
  return str_cat(prefix, prefix.empty() ? "" : ".", "conditioner.table.weight");
}

}  // namespace detail

/// Whether a text-to-image model learned its words; one that did not takes the features of a text encoder.
inline bool holds_words(const TensorFile& file, const std::string& prefix) {
  return file.contains(detail::word_table(prefix));
}

/// The sizes of a text-to-image model with the features of its words, which holds_words(); the shapes do not tell a word's
/// number of parts. Throws FileError for other models.
inline TextModelConfig text_config_of(const TensorFile& file, const std::string& prefix,
                                      std::int64_t word_parts) {
  TextModelConfig config;
  static_cast<PixnerdT2iConfig&>(config) = pixnerd_t2i_config_of(file, prefix);
  const std::string table = detail::word_table(prefix);
  const Shape rows = file.entry(table).shape;  // (K, text width)
  if (rows.rank() != 2 || rows[0] < 2 || rows[1] != config.text_width) {
    raise<FileError>("load model",
                     str_cat("vectors (K, ", config.text_width, ") of words in '", file.path(), "'"),
                     str_cat("\"", table, "\" ", rows));
  }
  config.word_ids = {.rows = rows[0], .words = config.text_tokens, .features = word_parts};
  config.word_ids.check();
  return config;
}

/// The model of these sizes, whose parameters a file holds under `prefix`. Throws FileError for anything but all parameters
/// of one model, NonFiniteError for NaN and infinity among them.
template <class Kind, class Policy>
auto load_model(const TensorFile& file, const std::string& prefix, const typename Kind::Config& config) {
  return made_from_file(
      file, [&](Initializer& init) { return Kind::template make<Policy>(config, init); }, prefix);
}

/// Side of the images that the published models of these sizes were trained on, which their parameters do not tell; 0 for
/// other models. Source: PixNerd, class-conditional models L/16 and XL/16 on ImageNet, text-to-image model XXL/16.
inline std::int64_t published_size(const PixnerdC2iConfig& config) {
  const bool is_published = config == PixnerdC2iConfig::large() || config == PixnerdC2iConfig::extra_large();
  return is_published ? 256 : 0;
}
inline std::int64_t published_size(const PixnerdT2iConfig& config) {
  return config == PixnerdT2iConfig::extra_extra_large() ? 512 : 0;
}

/// Whether what stands below a prefix is a model: gradients and moments have the names of parameters, too.
inline bool is_model_prefix(std::string_view prefix) {
  return prefix.empty() || prefix == "param" || prefix == "param0" || prefix.starts_with("denoiser") ||
         prefix.starts_with("ema");
}

/// Under which prefixes a file holds models, in order; "" is none.
inline std::vector<std::string> model_prefixes(const TensorFile& file) {
  constexpr std::string_view first = "s_embedder.proj.weight";
  std::vector<std::string> prefixes;
  for (const auto& entry : file.entries()) {
    if (!entry.name.ends_with(first)) continue;
    std::string prefix = entry.name.substr(0, entry.name.size() - first.size());
    if (!prefix.empty() && prefix.back() != '.') continue;
    if (!prefix.empty()) prefix.pop_back();
    if (is_model_prefix(prefix)) prefixes.push_back(std::move(prefix));
  }
  return prefixes;
}

}  // namespace pixnerd::program
