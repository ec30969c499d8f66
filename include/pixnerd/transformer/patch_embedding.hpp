// SPDX-License-Identifier: MIT
/// \file
/// The embedding of an image's patches as tokens.
#pragma once

#include <cmath>
#include <cstdint>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/patchify.hpp>

namespace pixnerd {

/// token = Linear(C P^2 -> D)(patch): images (B, C, H, W) of wide_t<T> -> tokens (B, L, D) of wide_t<T>, L =
/// (H / P) (W / P), row by row. Throws ShapeError unless P divides H and W. Source: Peebles and Xie 2022,
/// "Scalable diffusion models with transformers", section 3.2.
template <class Policy = On<Cpu>>
struct PatchEmbedding {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  std::int64_t patch;
  Linear<Policy> proj;

  PatchEmbedding(std::int64_t channels, std::int64_t patch_, std::int64_t width, Initializer& init)
      : patch(patch_), proj(channels * patch_ * patch_, width, init) {}

  /// Gives new initial values: Xavier-uniform weights, no bias.
  void initialize(Initializer& init) {
    const std::int64_t width = proj.weight.size(0), in = proj.weight.size(1);
    const double bound = std::sqrt(6.0 / static_cast<double>(in + width));
    proj.weight = init.uniform<T, Device>({width, in}, bound);
    proj.bias = init.constant<T, Device>({width}, 0.0);
  }

  Tensor<W, Device> operator()(const Tensor<W, Device>& images) const {
    return proj.wide(patchify(cast<T>(images), patch, patch, PatchLayout::channels_first));
  }

  static void visit(auto& self, auto&& visitor) { visitor("proj", self.proj); }
};

}  // namespace pixnerd
