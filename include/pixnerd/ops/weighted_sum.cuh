// SPDX-License-Identifier: MIT
/// \file
/// Weighted sums on the GPU: up to eight terms per kernel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/weighted_sum.hpp>

namespace pixnerd {

namespace detail {

/// Terms as a kernel's argument.
template <class T>
struct WeightedTerms {
  static constexpr int most = 8;
  const T* x[most];
  wide_t<T> factor[most];
  int count;
};

/// y = the sum of the terms, or y += that sum; `width` elements per thread.
template <int width, class T>
__global__ void weighted_sum_terms(std::int64_t count, WeightedTerms<T> terms, bool add, T* y) {
  using W = wide_t<T>;
  struct alignas(width * sizeof(T)) Several {
    T values[width];
  };
  const std::int64_t first = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * width;
  if (first >= count) return;
  W sum[width] = {};
  auto* const out = reinterpret_cast<Several*>(y + first);
  if (add) {
    const Several before = *out;
#pragma unroll
    for (int j = 0; j < width; ++j) sum[j] = static_cast<W>(before.values[j]);
  }
#pragma unroll
  for (int k = 0; k < WeightedTerms<T>::most; ++k) {
    if (k >= terms.count) break;
    const Several x = *reinterpret_cast<const Several*>(terms.x[k] + first);
#pragma unroll
    for (int j = 0; j < width; ++j) {
      sum[j] += terms.factor[k] * static_cast<W>(x.values[j]);
    }
  }
  Several rounded;
#pragma unroll
  for (int j = 0; j < width; ++j) rounded.values[j] = static_cast<T>(sum[j]);
  *out = rounded;
}

}  // namespace detail

template <>
struct WeightedSumKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t count, const std::vector<std::pair<wide_t<T>, const T*>>& terms, T* y) {
    using Terms = detail::WeightedTerms<T>;
    constexpr int width = detail::Packet<T>::count;
    for (std::size_t begin = 0; begin < terms.size(); begin += Terms::most) {
      Terms part{};
      part.count = static_cast<int>(std::min<std::size_t>(Terms::most, terms.size() - begin));
      auto bits = reinterpret_cast<std::uintptr_t>(y);
      for (int k = 0; k < part.count; ++k) {
        const auto& [factor, x] = terms[begin + static_cast<std::size_t>(k)];
        part.factor[k] = factor;
        part.x[k] = x;
        bits |= reinterpret_cast<std::uintptr_t>(x);
      }
      const bool aligned = bits % 16 == 0 && count % width == 0;
      launch("weighted_sum",
             aligned ? detail::weighted_sum_terms<width, T> : detail::weighted_sum_terms<1, T>,
             blocks_for(count, aligned ? threads * width : threads), threads, 0, count, part, begin > 0, y);
    }
  }

 private:
  static constexpr int threads = 256;
};

}  // namespace pixnerd
