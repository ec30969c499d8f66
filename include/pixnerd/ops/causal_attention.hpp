// SPDX-License-Identifier: MIT
/// \file
/// Causal attention: tokens attend to themselves and to the tokens before them.
#pragma once

#include <cstdint>

#include <pixnerd/ops/attention.hpp>

namespace pixnerd {

/// y = softmax(q k^T / sqrt(d)) v, where query i sees the keys 0 to i, and of these only the first counts[b]:
/// the tokens of the text, after which padding follows. A text without tokens, counts[b] = 0, is treated as
/// if all of them counted. q (B, L, A, d), k and v (B, L, A, d) -> y (B, L, A, d); counts (B), or undefined
/// if all tokens count. Saves what attention() does, and counts. Throws ShapeError when sizes do not fit.
/// Source: Qwen3 (arXiv 2505.09388), as Qwen3TextEncoder in src/models/conditioner/qwen3_text_encoder.py of
/// MCG-NJU/PixNerd at 6da060b calls it.
template <class T, class Device>
Tensor<T, Device> causal_attention(const Tensor<T, Device>& q, const Tensor<T, Device>& k,
                                   const Tensor<T, Device>& v, const Tensor<std::int64_t, Device>& counts) {
  if (!(q.shape() == k.shape())) {
    raise<ShapeError>("causal_attention", "as many keys as queries",
                      str_cat("q ", q.shape(), " and k ", k.shape()));
  }
  if (counts.defined() && (q.rank() < 1 || !(counts.shape() == Shape{q.size(0)}))) {
    raise<ShapeError>("causal_attention", str_cat("one count for each text of q ", q.shape()),
                      str_cat(counts.shape()));
  }
  AttentionSizes sizes;
  sizes.causal = true;
  sizes.counts = counts.data();
  return detail::attend("causal_attention", sizes, counts, q, k, v);
}

}  // namespace pixnerd
