// SPDX-License-Identifier: MIT
/// \file
/// DINOv2 and resizing against reference files.
#pragma once

#include <pixnerd/zoo/dinov2_file.hpp>

#include "verify/reference_file.hpp"
#include "verify/tolerances.hpp"

namespace pixnerd::program {

/// The file holds in.raw_image in [0, 1], param.NAME, mid.{resized, pos_grid} and out.patch_tokens.
template <class Policy>
Comparison verify_dinov2(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  const auto number = [&](const char* key, double least, double most) {
    return config_number(reference, reference.config(), key, least, most);
  };
  Comparison comparison;
  const Tolerances<Policy> tolerances(reference.path());
  const auto heads = static_cast<std::int64_t>(number("num_heads", 1, 10'000));
  const auto patch = static_cast<std::int64_t>(number("base_patch_size", 1, 10'000));
  const Dinov2Encoder<Policy> encoder(load_dinov2<Policy>(reference.file(), "param", heads), patch);
  const Dinov2Config& config = encoder.model().config();
  if (number("interpolate_offset", -1e6, 1e6) != config.position_offset ||
      number("layer_norm_eps", 0, 1) != 1e-6)
    raise<FileError>(
        "verify",
        str_cat("an interpolate_offset of 0.1 and a layer_norm_eps of 1e-6 in '", reference.path(), "'"),
        reference.config().dump());

  const auto resized = encoder.prepared(reference.tensor<float, Device>("in.raw_image"));
  reference.compare(comparison, "mid.resized", resized, 1e-5);
  const auto positions =
      encoder.model().position_grid({resized.size(2) / config.patch, resized.size(3) / config.patch});
  reference.compare(comparison, "mid.pos_grid", positions, 1e-5);
  reference.compare(comparison, "out.patch_tokens", encoder.model().forward(resized), tolerances.forward());
  return comparison;
}

/// The file holds x and MODE.HEIGHTxWIDTH for the modes nearest, bilinear and bicubic.
template <class Policy>
Comparison verify_interpolate(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  Comparison comparison;
  const Tolerances<Policy> tolerances(reference.path());
  const auto x = cast<T>(reference.tensor<float, Device>("x"));
  for (const auto& [name, mode] : {std::pair{"nearest.", Interpolation::nearest},
                                   {"bilinear.", Interpolation::bilinear},
                                   {"bicubic.", Interpolation::bicubic}}) {
    for (const auto& entry : reference.file().entries()) {
      if (!entry.name.starts_with(name)) continue;
      if (entry.shape.rank() != 4)
        raise<FileError>("verify", str_cat("images (B, C, H, W) in '", reference.path(), "'"),
                         str_cat(entry.name, " ", entry.shape));
      const auto y = interpolate(x, entry.shape[2], entry.shape[3], mode);
      reference.compare(comparison, entry.name, cast<float>(y), tolerances.forward());
    }
  }
  return comparison;
}

}  // namespace pixnerd::program
