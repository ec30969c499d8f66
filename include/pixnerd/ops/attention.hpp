// SPDX-License-Identifier: MIT
/// \file
/// Scaled dot-product attention.
#pragma once

#include <algorithm>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/ops/cpu/product.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/ops/cpu/scratch.hpp>
#include <pixnerd/ops/cpu/wide.hpp>

namespace pixnerd {

/// Sizes of an attention: batch, heads, number of queries and of keys, head width; and which keys each query
/// sees.
struct AttentionSizes {
  std::int64_t batch = 0, heads = 0, queries = 0, keys = 0, width = 0;
  bool causal = false;  ///< query i sees only the keys up to i
  const std::int64_t* counts =
      nullptr;  ///< (B): with causal, the number of keys that count, from the first on; 0 stands for all

  /// The number of keys that a query sees, from the first on: at least one, and all unless causal.
  PIXNERD_HOST_DEVICE std::int64_t visible(std::int64_t image, std::int64_t query) const {
    if (!causal) return keys;
    const std::int64_t until = query < keys ? query + 1 : keys;
    const std::int64_t count = counts == nullptr ? 0 : counts[image];
    return count > 0 && count < until ? count : until;
  }

  std::int64_t query_elements() const { return batch * queries * heads * width; }
  std::int64_t key_elements() const { return batch * keys * heads * width; }
};

template <class Device>
struct AttentionKernel : MissingKernel<Device> {};

template <>
struct AttentionKernel<Cpu> {
  static constexpr std::int64_t block = 64;  // queries whose scores exist at a time

  /// The softmax's sums are not saved: recomputing them costs little compared with the scores.
  template <class T>
  static void forward(const AttentionSizes& s, const T* q, const T* k, const T* v, T* y, T*) {
    const std::int64_t blocks = (s.queries + block - 1) / block, stride = s.heads * s.width;
    parallel_for(s.batch * s.heads * blocks, [=](std::int64_t tile) {
      const std::int64_t image = tile / blocks / s.heads, head = tile / blocks % s.heads;
      const std::int64_t first = tile % blocks * block, rows = std::min(block, s.queries - first);
      const std::int64_t at_queries = (image * s.queries + first) * stride + head * s.width;
      const std::int64_t at_keys = image * s.keys * stride + head * s.width;
      Scratch<T> scratch(rows * s.keys, 1);
      T* scores = scratch.take(rows * s.keys);
      probabilities(s, image, first, rows, q + at_queries, k + at_keys, scores);
      product_tile<T>(rows, s.width, s.keys, {scores, s.keys}, {v + at_keys, stride}, y + at_queries, stride,
                      false);
    });
  }

  template <class T>
  static void backward(const AttentionSizes& s, const T* q, const T* k, const T* v, const T*, const T* grad_y,
                       GradTarget<T> grad_q, GradTarget<T> grad_k, GradTarget<T> grad_v) {
    const std::int64_t stride = s.heads * s.width;
    const T scale = T(1) / std::sqrt(T(s.width));
    // All query blocks of a head run on one thread, so that sums over queries have a fixed order.
    parallel_for(s.batch * s.heads, [=](std::int64_t tile) {
      const std::int64_t image = tile / s.heads, head = tile % s.heads;
      const std::int64_t at_keys = image * s.keys * stride + head * s.width;
      const std::int64_t most = std::min(block, s.queries);
      Scratch<T> scratch(2 * most * s.keys, 2);
      T* p = scratch.take(most * s.keys);
      T* grad_p = scratch.take(most * s.keys);
      for (std::int64_t first = 0; first < std::max<std::int64_t>(1, s.queries); first += block) {
        const std::int64_t rows = std::min(block, s.queries - first);
        const std::int64_t at_queries = (image * s.queries + first) * stride + head * s.width;
        const T* g = grad_y + at_queries;
        probabilities(s, image, first, rows, q + at_queries, k + at_keys, p);
        if (grad_v) {
          product_tile<T>(s.keys, s.width, rows, {p, s.keys, true}, {g, stride}, grad_v.data + at_keys,
                          stride, grad_v.add || first > 0);
        }
        product_tile<T>(rows, s.keys, s.width, {g, stride}, {v + at_keys, stride, true}, grad_p, s.keys,
                        false);
        for (std::int64_t i = 0; i < rows; ++i) {
          const T* pi = p + i * s.keys;
          T* gi = grad_p + i * s.keys;
          const T dot = lane_sum<T>(0, s.keys, [=](std::int64_t j) { return pi[j] * gi[j]; });
          for (std::int64_t j = 0; j < s.keys; ++j) gi[j] = pi[j] * (gi[j] - dot) * scale;
        }
        if (grad_k) {
          product_tile<T>(s.keys, s.width, rows, {grad_p, s.keys, true}, {q + at_queries, stride},
                          grad_k.data + at_keys, stride, grad_k.add || first > 0);
        }
        if (grad_q) {
          product_tile<T>(rows, s.width, s.keys, {grad_p, s.keys}, {k + at_keys, stride},
                          grad_q.data + at_queries, stride, grad_q.add);
        }
      }
    });
  }

  /// The same for bfloat16, in float32.
  template <class T>
    requires(!is_wide<T>)
  static void forward(const AttentionSizes& s, const T* q, const T* k, const T* v, T* y, wide_t<T>*) {
    const WideInput<T> wide_q(q, s.query_elements()), wide_k(k, s.key_elements()),
        wide_v(v, s.key_elements());
    const WideOutput<T> wide_y({y}, s.query_elements());
    forward(s, wide_q.data(), wide_k.data(), wide_v.data(), wide_y.data(), static_cast<wide_t<T>*>(nullptr));
    wide_y.store();
  }

  template <class T>
    requires(!is_wide<T>)
  static void backward(const AttentionSizes& s, const T* q, const T* k, const T* v, const wide_t<T>*,
                       const T* grad_y, GradTarget<T> grad_q, GradTarget<T> grad_k, GradTarget<T> grad_v) {
    const WideInput<T> wide_q(q, s.query_elements()), wide_k(k, s.key_elements()),
        wide_v(v, s.key_elements()), wide_grad(grad_y, s.query_elements());
    const WideOutput<T> sum_v(grad_v, s.key_elements()), sum_q(grad_q, s.query_elements()),
        sum_k(grad_k, s.key_elements());
    backward(s, wide_q.data(), wide_k.data(), wide_v.data(), static_cast<const wide_t<T>*>(nullptr),
             wide_grad.data(), sum_q.target(), sum_k.target(), sum_v.target());
    for (const auto* sum : {&sum_v, &sum_k, &sum_q}) sum->store();
  }

 private:
  /// Rows of softmax(q k^T / sqrt(width)) for the queries starting at `first`.
  template <class T>
  static void probabilities(const AttentionSizes& s, std::int64_t image, std::int64_t first,
                            std::int64_t rows, const T* q, const T* k, T* p) {
    const std::int64_t stride = s.heads * s.width;
    product_tile<T>(rows, s.keys, s.width, {q, stride}, {k, stride, true}, p, s.keys, false);
    const T scale = T(1) / std::sqrt(T(s.width));
    for (std::int64_t i = 0; i < rows; ++i) {
      T* row = p + i * s.keys;
      const std::int64_t seen = s.visible(image, first + i);
      T largest = row[0];
      for (std::int64_t j = 1; j < seen; ++j) largest = std::max(largest, row[j]);
      for (std::int64_t j = 0; j < seen; ++j) row[j] = fast_exp((row[j] - largest) * scale);
      const T inverse = T(1) / lane_sum<T>(0, seen, [row](std::int64_t j) { return row[j]; });
      for (std::int64_t j = 0; j < seen; ++j) row[j] *= inverse;
      std::fill(row + seen, row + s.keys, T(0));
    }
  }
};

namespace detail {

/// The part that attention() and causal_attention() share. `sizes` comes with causal and counts set; `counts`
/// keeps their memory alive.
template <class T, class Device>
Tensor<T, Device> attend(const char* name, AttentionSizes sizes, const Tensor<std::int64_t, Device>& counts,
                         const Tensor<T, Device>& q, const Tensor<T, Device>& k, const Tensor<T, Device>& v) {
  if (q.rank() != 4 || k.rank() != 4 || !(k.shape() == v.shape()) || q.size(0) != k.size(0) ||
      q.size(2) != k.size(2) || q.size(3) != k.size(3) || k.size(1) < 1) {
    raise<ShapeError>(name, "q (B, Lq, A, d), k and v (B, Lk, A, d) with at least one key",
                      str_cat("q ", q.shape(), ", k ", k.shape(), ", v ", v.shape()));
  }
  sizes.batch = q.size(0);
  sizes.heads = q.size(2);
  sizes.queries = q.size(1);
  sizes.keys = k.size(1);
  sizes.width = q.size(3);
  Tensor<T, Device> y(q.shape());
  using kernel = AttentionKernel<Device>;
  using W = wide_t<T>;
  const bool recorded = needs_grad(q, k, v);
  const auto log_sums =
      recorded ? Tensor<W, Device>({sizes.batch, sizes.heads, sizes.queries}) : Tensor<W, Device>{};
  kernel::forward(sizes, q.data(), k.data(), v.data(), y.data(), log_sums.data());
  if (recorded) {
    record(y, [=](const Tensor<T, Device>& grad_y) {
      // In the order in which the kernel contributes to them, since one tensor may be several of the inputs.
      const auto grad_v = grad_target<T>(v.slot());
      const auto grad_k = grad_target<T>(k.slot());
      const auto grad_q = grad_target<T>(q.slot());
      auto known = sizes;
      known.counts = counts.data();
      kernel::backward(known, q.data(), k.data(), v.data(), static_cast<const W*>(log_sums.data()),
                       grad_y.data(), grad_q, grad_k, grad_v);
    });
  }
  return y;
}

}  // namespace detail

/// Scaled dot-product attention: y = softmax(q k^T / sqrt(d)) v for each image and head, over all keys. q (B,
/// Lq, A, d), k and v (B, Lk, A, d) -> y (B, Lq, A, d). Saves q, k, v and, for the kernels that use it, the
/// logarithm of each softmax's sum. Backward recomputes the scores, of which only a block of rows exists at a
/// time. Throws ShapeError when sizes do not fit or there are no keys. Source: Vaswani et al. 2017,
/// "Attention is all you need", section 3.2.1, "Scaled Dot-Product Attention".
template <class T, class Device>
Tensor<T, Device> attention(const Tensor<T, Device>& q, const Tensor<T, Device>& k,
                            const Tensor<T, Device>& v) {
  return detail::attend("attention", {}, Tensor<std::int64_t, Device>{}, q, k, v);
}

}  // namespace pixnerd
