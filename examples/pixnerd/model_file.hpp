/// \file
/// Building a model from nothing but a file of its parameters: their shapes tell its sizes.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/io/t2i_file.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>

#include "model_kind.hpp"

namespace pixnerd::program {

namespace detail {

/// Reads shapes of parameters below a prefix.
class ShapeReader {
 public:
  ShapeReader(const TensorFile& file, const std::string& prefix)
      : file_(file), prefix_(prefix.empty() ? "" : prefix + ".") {}

  bool contains(const std::string& name) const { return file_.contains(prefix_ + name); }

  /// The shape of a parameter, which must have `rank` axes, none of them empty.
  Shape operator()(const std::string& name, int rank) const {
    if (!contains(name)) refuse(text("no tensor \"", prefix_, name, "\""));
    const Shape& shape = file_.entry(prefix_ + name).shape;
    if (shape.rank() != rank || shape.count() == 0) refuse(text("\"", prefix_, name, "\" ", shape));
    return shape;
  }

  [[noreturn]] void refuse(std::string_view got) const {
    raise<FileError>("load model", text("a class-conditional PixNerd in '", file_.path(), "'"), got);
  }

 private:
  const TensorFile& file_;
  std::string prefix_;
};

}  // namespace detail

/// The sizes of the model whose parameters a file holds under `prefix`.
/// Throws FileError when the file holds another model.
inline PixnerdC2iConfig config_of(const TensorFile& file, const std::string& prefix) {
  const detail::ShapeReader shape(file, prefix);
  PixnerdC2iConfig config;
  const Shape tokens = shape("s_embedder.proj.weight", 2);        // (D, C P^2)
  const Shape pixels = shape("x_embedder.embedder.0.weight", 2);  // (F, C + 64)
  config.width = tokens[0];
  config.field_features = pixels[0];
  config.channels = pixels[1] - DctBasis::count;
  if (config.channels < 1 || tokens[1] % config.channels != 0)
    shape.refuse("sizes that do not fit each other");
  config.patch = std::llround(std::sqrt(static_cast<double>(tokens[1] / config.channels)));
  if (config.channels * config.patch * config.patch != tokens[1]) {
    shape.refuse("sizes that do not fit each other");
  }
  config.classes = shape("y_embedder.embedding_table.weight", 2)[0] - 1;

  const auto block = [](std::int64_t i, std::string_view name) { return text("blocks.", i, ".", name); };
  config.depth = 0;
  while (shape.contains(block(config.depth, "attn.qkv.weight"))) ++config.depth;
  config.heads = config.depth == 0 ? 1 : config.width / shape(block(0, "attn.q_norm.weight"), 1)[0];
  config.field_depth = 0;
  const std::string generator = "param_generator1.0.weight";
  while (shape.contains(block(config.depth + config.field_depth, generator))) ++config.field_depth;
  if (config.field_depth > 0) {
    const std::int64_t square = config.field_features * config.field_features;
    config.field_ratio = shape(block(config.depth, generator), 2)[0] / (2 * square);
  }
  if (config.heads < 1 || config.field_ratio < 1) shape.refuse("sizes that do not fit each other");
  return config;
}

/// Throws NonFiniteError when a parameter of the model holds NaN or infinity.
template <class Model>
void check_finite_parameters(const Model& model, const std::string& path) {
  for_each_parameter(model, [&](const std::string& name, const auto& parameter) {
    for (const auto element : parameter.to_host()) {
      const auto value = static_cast<float>(element);
      if (!std::isfinite(value)) {
        raise<NonFiniteError>("load model", text("finite numbers in '", path, "'"),
                              text(value, " in ", name));
      }
    }
  });
}

/// Whether a file holds a text-to-image model under `prefix`.
inline bool holds_text_model(const TensorFile& file, const std::string& prefix) {
  return holds_pixnerd_t2i(file, prefix);
}

namespace detail {

/// The name of the table of words that a text-to-image model was trained with.
inline std::string word_table(const std::string& prefix) {
  return text(prefix, prefix.empty() ? "" : ".", "conditioner.table.weight");
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
  static_cast<PixnerdT2iConfig&>(config) = infer_pixnerd_t2i_config(file, prefix);
  const std::string table = detail::word_table(prefix);
  const Shape rows = file.entry(table).shape;  // (K, text width)
  if (rows.rank() != 2 || rows[0] < 2 || rows[1] != config.text_width) {
    raise<FileError>("load model",
                     text("vectors (K, ", config.text_width, ") of words in '", file.path(), "'"),
                     text("\"", table, "\" ", rows));
  }
  config.word_ids = {.rows = rows[0], .words = config.text_tokens, .features = word_parts};
  config.word_ids.check();
  return config;
}

/// The model of these sizes, whose parameters a file holds under `prefix`. Throws FileError for anything but all parameters
/// of one model, NonFiniteError for NaN and infinity among them.
template <class Kind, class Device, class Precision>
auto load_model(const TensorFile& file, const std::string& prefix, const typename Kind::Config& config) {
  // Sizes that the file cannot fill must not be allocated.
  const std::int64_t wanted = parameters_of<Kind>(config);
  std::int64_t held = 0;
  for (const auto& entry : file.entries()) held += entry.shape.count();
  if (wanted > held) {
    raise<FileError>("load model",
                     text("the ", wanted, " parameters of the whole model in '", file.path(), "'"),
                     text(held));
  }
  auto init = Initializer::unset();
  auto model = Kind::template make<Device, Precision>(config, init);
  fill_parameters(file, model, prefix);
  check_finite_parameters(model, file.path());
  return model;
}

/// The class-conditional model that a file holds under `prefix`.
template <class Device, class Precision>
PixnerdC2i<Device, Precision> load_model(const TensorFile& file, const std::string& prefix = "") {
  return load_model<ClassKind, Device, Precision>(file, prefix, config_of(file, prefix));
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
