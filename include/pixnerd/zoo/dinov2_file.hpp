// SPDX-License-Identifier: MIT
/// \file
/// A DINOv2 from the published files: their tensors tell its sizes.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/zoo/model_from_file.hpp>
#include <pixnerd/zoo/model_shapes.hpp>

namespace pixnerd {

/// The sizes of the DINOv2 whose parameters a file holds under `prefix`. `heads` cannot be told from tensors:
/// 0 stands for heads of 64 features, which all published models have. Throws FileError when the file holds
/// another model, a DINOv2 with registers or of the giant size among them.
inline Dinov2Config dinov2_config_of(const TensorFile& file, const std::string& prefix = "",
                                     std::int64_t heads = 0) {
  const detail::ModelShapes shape(file, prefix, "a DINOv2 without registers");
  if (shape.contains("register_tokens")) shape.refuse("one with \"register_tokens\"");
  if (shape.contains("blocks.0.mlp.w12.weight")) shape.refuse("one whose MLP is a SwiGLU");
  if (shape.contains("embeddings.patch_embeddings.projection.weight"))
    shape.refuse("the names of another library's conversion (\"embeddings.patch_embeddings...\")");

  Dinov2Config config;
  const Shape patches = shape("patch_embed.proj.weight", 4);  // (D, C, P, P)
  const Shape positions = shape("pos_embed", 3);              // (1, 1 + M^2, D)
  config.width = patches[0];
  config.channels = patches[1];
  config.patch = patches[2];
  config.grid = std::llround(std::sqrt(static_cast<double>(positions[1] - 1)));
  if (patches[3] != config.patch || config.grid < 1 || positions[1] != 1 + config.grid * config.grid)
    shape.refuse(str_cat("a patch embedding ", patches, " and positions ", positions));
  config.depth = shape.blocks("blocks", 0, "attn.qkv.weight");
  if (config.depth > 0) config.hidden = shape("blocks.0.mlp.fc1.weight", 2)[0];
  config.mask_token = shape.contains("mask_token");
  if (heads == 0 && config.width % 64 != 0)
    shape.refuse(str_cat("a width of ", config.width, ", which is not that of heads of 64 features"));
  config.heads = heads == 0 ? config.width / 64 : heads;
  if (config.heads < 1 || config.width % config.heads != 0)
    shape.refuse(str_cat("a width of ", config.width, " for ", config.heads, " heads"));
  return config;
}

/// The DINOv2 whose parameters a file holds under `prefix`, with the published file's names; a .pth file is
/// opened as a TorchCheckpoint or converted first. Throws FileError unless the file holds exactly the model's
/// parameters there, NonFiniteError for NaN and infinity among them.
template <class Policy = On<Cpu>>
Dinov2<Policy> load_dinov2(const TensorFile& file, const std::string& prefix = "", std::int64_t heads = 0) {
  return model_from_file<Dinov2<Policy>>(file, dinov2_config_of(file, prefix, heads), prefix);
}

}  // namespace pixnerd
