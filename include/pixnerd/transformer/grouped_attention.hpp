// SPDX-License-Identifier: MIT
/// \file
/// Causal self-attention whose heads share keys and values in groups, as language models have it.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/causal_attention.hpp>
#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/rotary_half.hpp>

namespace pixnerd {

/// What the layers of a language model are given beside the tokens.
template <class T, class Device>
struct TextContext {
  Tensor<wide_t<T>, Device> rotary;     ///< (L, d): see text_rotary_table()
  Tensor<std::int64_t, Device> counts;  ///< (B): tokens that are no padding; undefined where all are
};

/// Sizes of a GroupedAttention.
struct GroupedAttentionSizes {
  std::int64_t width = 0;       ///< D
  std::int64_t heads = 0;       ///< A, of queries
  std::int64_t key_heads = 0;   ///< of keys and values, each for A / key_heads neighboring heads
  std::int64_t head_width = 0;  ///< d, which need not be D / A
  double epsilon = 1e-6;        ///< of the norms
};

/// x (B, L, D) -> (B, L, D) of wide_t<T>: products without bias to A heads of queries and fewer of keys and
/// values, RMSNorm of queries and keys over d, rotary positions, causal attention, output product. Throws
/// ValueError unless key_heads divide the heads. Source: Ainslie et al., arXiv 2305.13245; Qwen3, arXiv
/// 2505.09388.
template <class Policy = On<Cpu>>
struct GroupedAttention {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  GroupedAttentionSizes sizes;
  Linear<Policy> q_proj;
  Linear<Policy> k_proj;
  Linear<Policy> v_proj;
  Linear<Policy> o_proj;
  RmsNorm<Policy> q_norm;
  RmsNorm<Policy> k_norm;

  GroupedAttention(const GroupedAttentionSizes& of, Initializer& init)
      : sizes(checked(of)),
        q_proj(of.width, of.heads * of.head_width, init, false),
        k_proj(of.width, of.key_heads * of.head_width, init, false),
        v_proj(of.width, of.key_heads * of.head_width, init, false),
        o_proj(of.heads * of.head_width, of.width, init, false),
        q_norm(of.head_width, init, of.epsilon),
        k_norm(of.head_width, init, of.epsilon) {}

  Tensor<wide_t<T>, Device> operator()(const Tensor<T, Device>& x,
                                       const TextContext<T, Device>& context) const {
    const std::int64_t batch = x.size(0), length = x.size(1);
    const auto split = [&](const Tensor<T, Device>& all, std::int64_t heads) {
      return all.reshape({batch, length, heads, sizes.head_width});
    };
    const auto turned = [&](const Tensor<T, Device>& heads, const RmsNorm<Policy>& norm) {
      return rotary_half(norm(heads), context.rotary);
    };
    const auto q = turned(split(q_proj(x), sizes.heads), q_norm);      // (B, L, A, d)
    const auto k = turned(split(k_proj(x), sizes.key_heads), k_norm);  // (B, L, key heads, d)
    const auto v = split(v_proj(x), sizes.key_heads);
    const auto y = causal_attention(q, for_all_heads(k), for_all_heads(v), context.counts);
    return o_proj.wide(y.reshape({batch, length, sizes.heads * sizes.head_width}));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("q_proj", self.q_proj);
    visitor("k_proj", self.k_proj);
    visitor("v_proj", self.v_proj);
    visitor("o_proj", self.o_proj);
    visitor("q_norm", self.q_norm);
    visitor("k_norm", self.k_norm);
  }

 private:
  static const GroupedAttentionSizes& checked(const GroupedAttentionSizes& of) {
    if (of.key_heads < 1 || of.heads < 1 || of.heads % of.key_heads != 0) {
      raise<ValueError>("GroupedAttention", "heads of keys that divide those of queries",
                        str_cat(of.key_heads, " and ", of.heads));
    }
    return of;
  }

  /// Each head of keys or values once for every head of its group: (B, L, key heads, d) -> (B, L, A, d).
  Tensor<T, Device> for_all_heads(const Tensor<T, Device>& x) const {
    const std::int64_t group = sizes.heads / sizes.key_heads;
    if (group == 1) return x;
    const auto rows = x.reshape({x.count() / sizes.head_width, 1, sizes.head_width});
    const std::vector<Tensor<T, Device>> copies(static_cast<std::size_t>(group), rows);
    return concat(copies, 1).reshape({x.size(0), x.size(1), sizes.heads, sizes.head_width});
  }
};

}  // namespace pixnerd
