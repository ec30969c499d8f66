// SPDX-License-Identifier: MIT
/// \file
/// The embedding of the diffusion time.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/silu.hpp>
#include <pixnerd/ops/timestep_features.hpp>

namespace pixnerd {

/// t (B) in [0, 1] -> (B, D): sines and cosines of 128 frequencies down to a period of 10, then Linear, SiLU,
/// Linear. Under Mixed the times, their features and the result are float32, the two linear maps bfloat16.
/// Source: TimestepEmbedder in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
struct TimeEmbedding {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  static constexpr std::int64_t features = 256;
  static constexpr double longest_period = 10;

  Linear<Policy> first;
  Linear<Policy> second;

  TimeEmbedding(std::int64_t width, Initializer& init)
      : first(features, width, init), second(width, width, init) {
    first.weight = init.normal<T, Device>({width, features}, 0.02);
    second.weight = init.normal<T, Device>({width, width}, 0.02);
  }

  Tensor<W, Device> operator()(const Tensor<W, Device>& t) const {
    return second.wide(silu(first(cast<T>(timestep_features(t, features, longest_period)))));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("mlp.0", self.first);
    visitor("mlp.2", self.second);
  }
};

}  // namespace pixnerd
