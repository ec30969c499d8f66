// SPDX-License-Identifier: MIT
/// \file
/// Attention of image tokens over themselves and over text.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/attention.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/qk_norm_rotary.hpp>
#include <pixnerd/ops/split.hpp>
#include <pixnerd/transformer/block_context.hpp>
#include <pixnerd/transformer/head_width.hpp>

namespace pixnerd {

/// Queries are the image's; keys and values are the image's and behind them those of context.text (B, n, D),
/// which no mask hides. x (B, L, D) -> (B, L, D).
///
/// The text's keys and values are one product without bias, features ordered [k, v][head][d]; its keys share
/// the image keys' norm and are not turned. Throws ValueError unless heads divide the width, ShapeError for a
/// text of another batch or width. Source: Attention in pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
struct JointAttention {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> qkv_x;
  Linear<Policy> kv_y;
  RmsNorm<Policy, RmsRounding::after_weight> q_norm;
  RmsNorm<Policy, RmsRounding::after_weight> k_norm;
  Linear<Policy> proj;

  JointAttention(std::int64_t width, std::int64_t heads, Initializer& init)
      : qkv_x(width, 3 * width, init, false),
        kv_y(width, 2 * width, init, false),
        q_norm(head_width("JointAttention", width, heads), init),
        k_norm(head_width("JointAttention", width, heads), init),
        proj(width, width, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x, const BlockContext<T, Device>& context) const {
    const auto& text_tokens = context.text;
    if (text_tokens.rank() != 3 || text_tokens.size(0) != x.size(0)) {
      raise<ShapeError>("JointAttention", str_cat("text tokens (", x.size(0), ", n, ", x.size(2), ")"),
                        text_tokens.defined() ? str_cat(text_tokens.shape()) : "none");
    }
    const auto [q, k, v] =
        qk_norm_rotary(qkv_x(x), q_norm.weight, k_norm.weight, context.rotary);  // (B, L, A, d) each
    const auto [text_k, text_v] = split<2>(kv_y(cast<T>(text_tokens)), -1);      // (B, n, D) each
    const Shape heads{text_k.size(0), text_k.size(1), k.size(2), k.size(3)};
    const auto keys = concat<T, Device>({k, k_norm(text_k.reshape(heads))}, 1);  // (B, L + n, A, d)
    const auto values = concat<T, Device>({v, text_v.reshape(heads)}, 1);
    return proj(attention(q, keys, values).reshape(x.shape()));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("qkv_x", self.qkv_x);
    visitor("kv_y", self.kv_y);
    visitor("q_norm", self.q_norm);
    visitor("k_norm", self.k_norm);
    visitor("proj", self.proj);
  }
};

}  // namespace pixnerd
