// SPDX-License-Identifier: MIT
/// \file
/// From a text encoder's features to tokens of the transformer's width.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/elementwise.hpp>

namespace pixnerd {

/// RMSNorm(Linear(text width -> D)(features)) + position: features (B, n, text width) -> (B, n, D). The table
/// of positions (1, n, D) is learned and N(0, 1) at first. Under Mixed the features, the positions and the
/// result are float32. Source: PixNerDiT in pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
struct TextEmbedding {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Linear<Policy> proj;
  RmsNorm<Policy, RmsRounding::after_weight> norm;
  Tensor<W, Device> positions;

  TextEmbedding(std::int64_t text_width, std::int64_t tokens, std::int64_t width, Initializer& init)
      : proj(text_width, width, init),
        norm(width, init),
        positions(init.normal<W, Device>({1, tokens, width}, 1.0)) {}

  Tensor<W, Device> operator()(const Tensor<W, Device>& features) const {
    return add(cast<W>(norm(proj(cast<T>(features)))), positions);
  }

  /// The published names: the positions stand beside the embedder.
  static void visit(auto& self, auto&& visitor) {
    visitor("y_embedder.proj", self.proj);
    visitor("y_embedder.norm", self.norm);
    visitor("y_pos_embedding", self.positions);
  }
};

}  // namespace pixnerd
