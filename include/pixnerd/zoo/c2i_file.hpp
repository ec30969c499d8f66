// SPDX-License-Identifier: MIT
/// \file
/// A class-conditional PixNerd from a file of its parameters: their shapes tell its sizes.
#pragma once

#include <string>

#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/zoo/model_from_file.hpp>
#include <pixnerd/zoo/model_shapes.hpp>

namespace pixnerd {

/// The sizes of the class-conditional model whose parameters a file holds under `prefix`. Throws FileError
/// when the file holds another model.
inline PixnerdC2iConfig pixnerd_c2i_config_of(const TensorFile& file, const std::string& prefix = "") {
  const detail::ModelShapes shape(file, prefix, "a class-conditional PixNerd");
  PixnerdC2iConfig config;
  const Shape tokens = shape("s_embedder.proj.weight", 2);             // (D, C P^2)
  const Shape pixels = shape("x_embedder.embedder.0.weight", 2);       // (F, C + 64)
  const Shape labels = shape("y_embedder.embedding_table.weight", 2);  // (K + 1, D)
  config.width = tokens[0];
  config.decoder.features = pixels[0];
  config.channels = pixels[1] - DctBasis::count;
  config.patch = shape.patch(tokens, config.channels);
  config.classes = labels[0] - 1;
  if (config.classes < 1) shape.refuse(str_cat("labels ", labels, ", of no class"));
  config.depth = shape.blocks("blocks", 0, "attn.qkv.weight");
  config.decoder.depth = shape.blocks("blocks", config.depth, "param_generator1.0.weight");
  config.heads = config.depth == 0 ? 1 : shape.heads(config.width, "blocks.0.attn.q_norm.weight");
  if (config.decoder.depth > 0) {
    config.decoder.ratio = shape.field_ratio(str_cat("blocks.", config.depth, ".param_generator1.0.weight"),
                                             config.decoder.features);
  }
  return config;
}

/// The class-conditional model whose parameters a file holds under `prefix`. Throws FileError for anything
/// but all parameters of one model, NonFiniteError for NaN and infinity among them.
template <class Policy = On<Cpu>>
PixnerdC2i<Policy> load_pixnerd_c2i(const TensorFile& file, const std::string& prefix = "") {
  return model_from_file<PixnerdC2i<Policy>>(file, pixnerd_c2i_config_of(file, prefix), prefix);
}

}  // namespace pixnerd
