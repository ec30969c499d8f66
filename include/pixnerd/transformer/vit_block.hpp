// SPDX-License-Identifier: MIT
/// \file
/// The vision transformer's block: attention and MLP, each behind a layer norm and a learned scale.
#pragma once

#include <pixnerd/nn/layer_norm.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/transformer/gelu_mlp.hpp>
#include <pixnerd/transformer/layer_scale.hpp>
#include <pixnerd/transformer/plain_attention.hpp>

namespace pixnerd {

/// s += ls1(attention(norm1(s))); s += ls2(mlp(norm2(s))). s (B, L, D) -> (B, L, D). Under Mixed the tokens
/// that all blocks add to, the norms' statistics and the scales are float32, what is computed from them is
/// bfloat16. Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words"; DINOv2.
template <class Policy = On<Cpu>>
struct VitBlock {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  LayerNorm<On<Device, Full<W>>> norm1;
  PlainAttention<Policy> attention;
  LayerScale<Policy> scale1;
  LayerNorm<On<Device, Full<W>>> norm2;
  GeluMlp<Policy> mlp;
  LayerScale<Policy> scale2;

  VitBlock(std::int64_t width, std::int64_t heads, std::int64_t hidden, Initializer& init)
      : norm1(width, init),
        attention(width, heads, init),
        scale1(width, init),
        norm2(width, init),
        mlp(width, hidden, init),
        scale2(width, init) {}

  Tensor<W, Device> operator()(const Tensor<W, Device>& s) const {
    const auto h = scale1(s, attention(cast<T>(norm1(s))));
    return scale2(h, mlp(cast<T>(norm2(h))));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("norm1", self.norm1);
    visitor("attn", self.attention);
    visitor("ls1", self.scale1);
    visitor("norm2", self.norm2);
    visitor("mlp", self.mlp);
    visitor("ls2", self.scale2);
  }
};

}  // namespace pixnerd
