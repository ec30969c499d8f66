/// \file
/// The vision transformer's block: attention and MLP, each behind a layer norm and a learned scale.
#pragma once

#include <pixnerd/nn/layer_norm.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/attention.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/gated_residual.hpp>
#include <pixnerd/ops/gelu.hpp>
#include <pixnerd/ops/split.hpp>
#include <pixnerd/transformer/head_width.hpp>

namespace pixnerd {

/// Multi-head self-attention without positions. x (B, L, D) -> (B, L, D); the features of qkv are ordered [q, k, v][head][d],
/// all products have biases. Throws ValueError unless heads divide the width.
template <class Device, class Precision = Full<float>>
struct PlainAttention {
  using T = typename Precision::compute;

  Linear<Device, Precision> qkv;
  Linear<Device, Precision> proj;
  std::int64_t heads;

  PlainAttention(std::int64_t width, std::int64_t heads_, Initializer& init)
      : qkv(width, 3 * width, init), proj(width, width, init), heads(heads_) {
    head_width("PlainAttention", width, heads);
  }

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const {
    const auto [q, k, v] = split<3>(qkv(x), -1);  // (B, L, D) each
    const Shape by_head{x.size(0), x.size(1), heads, x.size(2) / heads};
    return proj(attention(q.reshape(by_head), k.reshape(by_head), v.reshape(by_head)).reshape(x.shape()));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("qkv", self.qkv);
    visitor("proj", self.proj);
  }
};

/// y = fc2(gelu(fc1 x)), with biases. x (..., D) -> (..., D).
template <class Device, class Precision = Full<float>>
struct GeluMlp {
  using T = typename Precision::compute;

  Linear<Device, Precision> fc1;
  Linear<Device, Precision> fc2;

  GeluMlp(std::int64_t width, std::int64_t hidden, Initializer& init)
      : fc1(width, hidden, init), fc2(hidden, width, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const { return fc2(gelu(fc1(x))); }

  static void visit(auto& self, auto&& visitor) {
    visitor("fc1", self.fc1);
    visitor("fc2", self.fc2);
  }
};

/// y = s + gamma h, gamma (D) shared by all tokens, initially one. s and h (B, L, D); gamma, s and y are of
/// wide_t<T>. Source: Touvron et al. 2021, "Going deeper with image transformers".
template <class Device, class Precision = Full<float>>
struct LayerScale {
  using T = typename Precision::compute;
  using W = wide_t<T>;

  Tensor<W, Device> gamma;

  LayerScale(std::int64_t width, Initializer& init) : gamma(init.constant<W, Device>({width}, 1.0)) {}

  Tensor<W, Device> operator()(const Tensor<W, Device>& s, const Tensor<T, Device>& h) const {
    const std::int64_t width = gamma.count();
    const Shape one_image{1, s.shape().rows(), width};
    return gated_residual(s.reshape(one_image), gamma.reshape({1, width}), cast<W>(h).reshape(one_image))
        .reshape(s.shape());
  }

  static void visit(auto& self, auto&& visitor) { visitor("gamma", self.gamma); }
};

/// s += ls1(attention(norm1(s))); s += ls2(mlp(norm2(s))). s (B, L, D) -> (B, L, D). Under Mixed the tokens that all blocks
/// add to, the norms' statistics and the scales are float32, what is computed from them is bfloat16. Source:
/// Dosovitskiy et al. 2021, "An image is worth 16x16 words"; DINOv2.
template <class Device, class Precision = Full<float>>
struct VitBlock {
  using T = typename Precision::compute;
  using W = wide_t<T>;

  LayerNorm<Device, Full<W>> norm1;
  PlainAttention<Device, Precision> attention;
  LayerScale<Device, Precision> scale1;
  LayerNorm<Device, Full<W>> norm2;
  GeluMlp<Device, Precision> mlp;
  LayerScale<Device, Precision> scale2;

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
