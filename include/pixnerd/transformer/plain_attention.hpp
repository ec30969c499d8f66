// SPDX-License-Identifier: MIT
/// \file
/// Multi-head self-attention without positions, as in the vision transformer.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/attention.hpp>
#include <pixnerd/ops/split.hpp>
#include <pixnerd/transformer/head_width.hpp>

namespace pixnerd {

/// Multi-head self-attention without positions. x (B, L, D) -> (B, L, D); the features of qkv are ordered [q,
/// k, v][head][d], all products have biases. Throws ValueError unless heads divide the width.
template <class Policy = On<Cpu>>
struct PlainAttention {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> qkv;
  Linear<Policy> proj;
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

}  // namespace pixnerd
