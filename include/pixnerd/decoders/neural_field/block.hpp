// SPDX-License-Identifier: MIT
/// \file
/// One hyper-network layer of the field: the token of a patch predicts the weights of a small MLP for its
/// pixels.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/field_mlp.hpp>

namespace pixnerd {

/// theta = Linear(D -> 2 F F*r)(token); pixels += silu(RMSNorm(pixels) W1) W2, columns of W1 and W2
/// normalized, those of W2 only where `normalize_second`: the text-to-image model uses it as generated.
/// pixels (N, P*P, F), tokens (N, D), N = B*L -> pixels (N, P*P, F). Source: NerfBlock in pixnerd_c2i.py,
/// MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>, bool normalize_second = true>
struct NeuralFieldBlock {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> generator;
  RmsNorm<Policy> norm;

  /// `width` of the tokens, `features` F and `ratio` r of the field.
  NeuralFieldBlock(std::int64_t width, std::int64_t features, std::int64_t ratio, Initializer& init)
      : generator(width, 2 * features * features * ratio, init), norm(features, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& pixels, const Tensor<T, Device>& tokens) const {
    return field_mlp(pixels, generator(tokens), norm.weight, normalize_second);
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("param_generator1.0", self.generator);
    visitor("norm", self.norm);
  }
};

}  // namespace pixnerd
