// SPDX-License-Identifier: MIT
/// \file
/// Rotary position embedding of language models on the GPU.
#pragma once

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/ops/rotary_half.hpp>

namespace pixnerd {

namespace detail {

/// A thread rotates one pair.
template <class T>
__global__ void rotary_half_turn(std::int64_t pairs, std::int64_t positions, std::int64_t heads, int half,
                                 const T* x, const wide_t<T>* table, wide_t<T> sign, GradTarget<T> y) {
  using W = wide_t<T>;
  const std::int64_t pair = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (pair >= pairs) return;
  const std::int64_t row = pair / half, i = pair % half, at = row * 2 * half + i;
  const W* const cosines = table + row / heads % positions * 2 * half;
  W a, b;
  rotate_pair(static_cast<W>(x[at]), static_cast<W>(x[at + half]), cosines[i], sign * cosines[half + i], a,
              b);
  y.put(at, static_cast<T>(a));
  y.put(at + half, static_cast<T>(b));
}

}  // namespace detail

template <>
struct RotaryHalfKernel<Cuda> {
  template <class T>
  static void turn(std::int64_t tokens, std::int64_t positions, std::int64_t heads, std::int64_t width,
                   const T* x, const wide_t<T>* table, wide_t<T> sign, GradTarget<T> y) {
    const std::int64_t pairs = tokens * heads * (width / 2);
    if (pairs == 0) return;
    constexpr int threads = 256;
    launch("rotary_half", detail::rotary_half_turn<T>, blocks_for(pairs, threads), threads, 0, pairs,
           positions, heads, static_cast<int>(width / 2), x, table, sign, y);
  }
};

}  // namespace pixnerd
