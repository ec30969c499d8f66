// SPDX-License-Identifier: MIT
/// \file
/// A text-to-image PixNerd from a file of its parameters: their shapes tell its sizes.
#pragma once

#include <string>

#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/zoo/model_from_file.hpp>
#include <pixnerd/zoo/model_shapes.hpp>

namespace pixnerd {

/// Whether what a file holds under `prefix` looks like a text-to-image PixNerd, not a class-conditional one.
inline bool holds_pixnerd_t2i(const TensorFile& file, const std::string& prefix = "") {
  return file.contains((prefix.empty() ? "" : prefix + ".") + "y_pos_embedding");
}

/// The sizes of the text-to-image model whose parameters a file holds under `prefix`. Throws FileError when
/// the file holds another model.
inline PixnerdT2iConfig pixnerd_t2i_config_of(const TensorFile& file, const std::string& prefix = "") {
  const detail::ModelShapes shape(file, prefix, "a text-to-image PixNerd");
  PixnerdT2iConfig config;
  const Shape tokens = shape("s_embedder.proj.weight", 2);        // (D, C P^2)
  const Shape pixels = shape("x_embedder.embedder.0.weight", 2);  // (F, C + 64)
  const Shape words = shape("y_embedder.proj.weight", 2);         // (D, text width)
  const Shape positions = shape("y_pos_embedding", 3);            // (1, n, D)
  config.width = tokens[0];
  config.decoder.features = pixels[0];
  config.text_width = words[1];
  config.text_tokens = positions[1];
  config.channels = pixels[1] - AxisCosineBasis::count;
  config.patch = shape.patch(tokens, config.channels);
  config.depth = shape.blocks("blocks", 0, "attn.qkv_x.weight");
  config.text_depth = shape.blocks("text_refine_blocks", 0, "attn.qkv.weight");
  config.decoder.depth = shape.blocks("blocks", config.depth, "param_generator1.0.weight");
  config.heads = 1;
  if (config.depth + config.text_depth > 0) {
    const std::string list = config.depth > 0 ? "blocks" : "text_refine_blocks";
    config.heads = shape.heads(config.width, list + ".0.attn.q_norm.weight");
  }
  if (config.decoder.depth > 0) {
    config.decoder.ratio = shape.field_ratio(str_cat("blocks.", config.depth, ".param_generator1.0.weight"),
                                             config.decoder.features);
  }
  return config;
}

/// The text-to-image model whose parameters a file holds under `prefix`. Throws FileError for anything but
/// all parameters of one model, NonFiniteError for NaN and infinity among them.
template <class Policy = On<Cpu>>
PixnerdT2i<Policy> load_pixnerd_t2i(const TensorFile& file, const std::string& prefix = "") {
  return model_from_file<PixnerdT2i<Policy>>(file, pixnerd_t2i_config_of(file, prefix), prefix);
}

}  // namespace pixnerd
