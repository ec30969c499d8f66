// SPDX-License-Identifier: MIT
/// \file
/// Multi-head self-attention with normalized queries and keys and rotary positions.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/attention.hpp>
#include <pixnerd/ops/qk_norm_rotary.hpp>
#include <pixnerd/transformer/block_context.hpp>
#include <pixnerd/transformer/head_width.hpp>

namespace pixnerd {

/// x (B, L, D) -> (B, L, D): qkv product without bias, q/k norm and rotary embedding, attention, output
/// product. Throws ValueError unless heads divide the width.
template <class Policy = On<Cpu>>
struct SelfAttention {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> qkv;
  RmsNorm<Policy> q_norm;
  RmsNorm<Policy> k_norm;
  Linear<Policy> proj;

  SelfAttention(std::int64_t width, std::int64_t heads, Initializer& init)
      : qkv(width, 3 * width, init, false),
        q_norm(head_width("SelfAttention", width, heads), init),
        k_norm(head_width("SelfAttention", width, heads), init),
        proj(width, width, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x, const BlockContext<T, Device>& context) const {
    const auto [q, k, v] =
        qk_norm_rotary(qkv(x), q_norm.weight, k_norm.weight, context.rotary);  // (B, L, A, d) each
    return proj(attention(q, k, v).reshape(x.shape()));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("qkv", self.qkv);
    visitor("q_norm", self.q_norm);
    visitor("k_norm", self.k_norm);
    visitor("proj", self.proj);
  }
};

}  // namespace pixnerd
