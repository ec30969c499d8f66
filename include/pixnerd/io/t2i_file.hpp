/// \file
/// A text-to-image PixNerd from a file of its parameters: their shapes tell its sizes.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include <pixnerd/io/model_from_file.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>

namespace pixnerd {

/// Whether what a file holds under `prefix` looks like a text-to-image PixNerd, not a class-conditional one.
inline bool holds_pixnerd_t2i(const TensorFile& file, const std::string& prefix = "") {
  return file.contains((prefix.empty() ? "" : prefix + ".") + "y_pos_embedding");
}

/// The sizes of the text-to-image model whose parameters a file holds under `prefix`. Throws FileError when the file holds
/// another model.
inline PixnerdT2iConfig infer_pixnerd_t2i_config(const TensorFile& file, const std::string& prefix = "") {
  const std::string below = prefix.empty() ? "" : prefix + ".";
  const auto refuse = [&](std::string_view got) {
    raise<FileError>("load model", text("a text-to-image PixNerd in '", file.path(), "'"), got);
  };
  const auto shape = [&](const std::string& name, int rank) {
    if (!file.contains(below + name)) refuse(text("no tensor ", detail::quoted_name(below + name)));
    const Shape found = file.entry(below + name).shape;
    if (found.rank() != rank || found.count() == 0)
      refuse(text(detail::quoted_name(below + name), " ", found));
    return found;
  };
  const auto block = [](std::int64_t i, std::string_view name) { return text("blocks.", i, ".", name); };
  const auto count = [&](std::int64_t first, const auto& name_of) {
    std::int64_t n = 0;
    while (file.contains(below + name_of(first + n))) ++n;
    return n;
  };

  PixnerdT2iConfig config;
  const Shape tokens = shape("s_embedder.proj.weight", 2);        // (D, C P^2)
  const Shape pixels = shape("x_embedder.embedder.0.weight", 2);  // (F, C + 64)
  const Shape words = shape("y_embedder.proj.weight", 2);         // (D, text width)
  const Shape positions = shape("y_pos_embedding", 3);            // (1, n, D)
  config.width = tokens[0];
  config.field_features = pixels[0];
  config.text_width = words[1];
  config.text_tokens = positions[1];
  config.channels = pixels[1] - AxisCosineBasis::count;
  if (config.channels < 1 || tokens[1] % config.channels != 0)
    refuse(text("patches ", tokens, " and pixels ", pixels));
  config.patch = std::llround(std::sqrt(static_cast<double>(tokens[1] / config.channels)));
  if (config.channels * config.patch * config.patch != tokens[1])
    refuse(text("patches ", tokens, " of ", config.channels, " channels"));

  config.depth = count(0, [&](std::int64_t i) { return block(i, "attn.qkv_x.weight"); });
  config.text_depth =
      count(0, [](std::int64_t i) { return text("text_refine_blocks.", i, ".attn.qkv.weight"); });
  const auto generator = [&](std::int64_t i) { return block(i, "param_generator1.0.weight"); };
  config.field_depth = count(config.depth, generator);
  config.heads = 1;
  if (config.depth + config.text_depth > 0) {
    const auto norm =
        config.depth > 0 ? block(0, "attn.q_norm.weight") : "text_refine_blocks.0.attn.q_norm.weight";
    const std::int64_t head = shape(norm, 1)[0];
    config.heads = config.width / head;
    if (config.width % head != 0) refuse(text("heads of ", head, " features for a width of ", config.width));
  }
  if (config.field_depth > 0) {
    const Shape weights = shape(generator(config.depth), 2);  // (2 F^2 r, D)
    const std::int64_t square = 2 * config.field_features * config.field_features;
    config.field_ratio = weights[0] / square;
    if (weights[0] % square != 0 || config.field_ratio < 1)
      refuse(text("a field's generator ", weights, " for ", config.field_features, " features"));
  }
  return config;
}

/// The text-to-image model whose parameters a file holds under `prefix`. Throws FileError for anything but all
/// parameters of one model, NonFiniteError for NaN and infinity among them.
template <class Device, class Precision = Full<float>>
PixnerdT2i<Device, Precision> load_pixnerd_t2i(const TensorFile& file, const std::string& prefix = "") {
  return model_from_file<PixnerdT2i<Device, Precision>>(file, infer_pixnerd_t2i_config(file, prefix), prefix);
}

}  // namespace pixnerd
