// SPDX-License-Identifier: MIT
/// \file
/// Scaled dot-product attention on the GPU. Scores are never stored, and nothing is added atomically.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/ops/attention.hpp>
#include <pixnerd/ops/cuda/attention_backward.cuh>
#include <pixnerd/ops/cuda/attention_forward.cuh>
#include <pixnerd/ops/cuda/attention_plain.cuh>

namespace pixnerd {

/// bfloat16 heads whose width is a multiple of 8 up to 128 use tensor cores if all addresses are multiples of
/// 16 bytes and every query sees all keys. All other heads, up to a width of 256, use ordinary arithmetic in
/// wide_t<T>.
template <>
struct AttentionKernel<Cuda> {
  /// `log_sums` (B, A, Lq) may be null.
  template <class T>
  static void forward(const AttentionSizes& s, const T* q, const T* k, const T* v, T* y,
                      wide_t<T>* log_sums) {
    check(s);
    if (s.query_elements() == 0) return;
    if constexpr (std::same_as<T, bfloat16>) {
      if (on_tensor_cores(s, q, k, v, y)) return detail::launch_attention_forward(s, q, k, v, y, log_sums);
    }
    detail::launch_plain_forward(s, q, k, v, y, log_sums);
  }

  template <class T>
  static void backward(const AttentionSizes& s, const T* q, const T* k, const T* v, const wide_t<T>* log_sums,
                       const T* grad_y, GradTarget<T> grad_q, GradTarget<T> grad_k, GradTarget<T> grad_v) {
    check(s);
    if (s.query_elements() == 0) {
      for (const auto& target : {grad_v, grad_k}) {
        if (target && !target.add)
          MemoryTransfer<Cuda>::zero(target.data, static_cast<std::size_t>(s.key_elements()) * sizeof(T));
      }
      return;
    }
    const Tensor<wide_t<T>, Cuda> row_dots({s.batch, s.heads, s.queries});
    if constexpr (std::same_as<T, bfloat16>) {
      if (on_tensor_cores(s, q, k, v, grad_y, grad_q.data, grad_k.data, grad_v.data)) {
        return detail::launch_attention_backward(s, q, k, v, grad_y, log_sums, row_dots.data(), grad_q,
                                                 grad_k, grad_v);
      }
    }
    detail::launch_plain_backward(s, q, k, v, grad_y, log_sums, row_dots.data(), grad_q, grad_k, grad_v);
  }

 private:
  static void check(const AttentionSizes& s) {
    if (s.width > 256)
      raise<ShapeError>("attention", "heads of a width up to 256 on the GPU",
                        str_cat("a width of ", s.width));
    if (std::max({s.queries, s.keys, s.heads * s.width}) > 0x7fffffff)
      raise<ShapeError>("attention", "fewer than 2^31 queries, keys and features",
                        str_cat(s.queries, ", ", s.keys, " and ", s.heads * s.width));
  }

  template <class... Pointers>
  static bool on_tensor_cores(const AttentionSizes& s, Pointers... addresses) {
    return !s.causal && s.width % 8 == 0 && s.width <= 128 &&
           (... && (reinterpret_cast<std::uintptr_t>(addresses) % 16 == 0));
  }
};

}  // namespace pixnerd
