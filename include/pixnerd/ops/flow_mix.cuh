// SPDX-License-Identifier: MIT
/// \file
/// Points between noise and data on the GPU.
#pragma once

#include <cstdint>

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/flow_mix.hpp>

namespace pixnerd {

namespace detail {

/// A block handles one piece of one sample; each of its threads mixes `width` elements.
template <int width, class Factors, class T>
__global__ void flow_mix_pieces(Factors factors_at, std::int64_t each, std::int64_t pieces, const T* data,
                                const T* noise, const double* times, T* x, T* target, wide_t<T>* t,
                                T* out_weight) {
  using W = wide_t<T>;
  __shared__ W coefficients[4];
  const std::int64_t b = blockIdx.x / pieces, piece = blockIdx.x % pieces;
  if (threadIdx.x == 0) {
    const FlowFactors f = factors_at(times[b]);
    coefficients[0] = static_cast<W>(f.alpha);
    coefficients[1] = static_cast<W>(f.sigma);
    coefficients[2] = static_cast<W>(f.target_data);
    coefficients[3] = static_cast<W>(f.target_noise);
    if (piece == 0) {
      t[b] = static_cast<W>(times[b]);
      if (out_weight != nullptr) out_weight[b] = static_cast<T>(static_cast<W>(f.weight));
    }
  }
  __syncthreads();
  const std::int64_t within = (piece * blockDim.x + threadIdx.x) * width;
  if (within >= each) return;
  struct alignas(width * sizeof(T)) Several {
    T values[width];
  };
  const std::int64_t i = b * each + within;
  const auto of_data = *reinterpret_cast<const Several*>(data + i);
  const auto of_noise = *reinterpret_cast<const Several*>(noise + i);
  Several point, slope;
#pragma unroll
  for (int k = 0; k < width; ++k) {
    const W clean = static_cast<W>(of_data.values[k]), noisy = static_cast<W>(of_noise.values[k]);
    point.values[k] = static_cast<T>(coefficients[0] * clean + coefficients[1] * noisy);
    slope.values[k] = static_cast<T>(coefficients[2] * clean + coefficients[3] * noisy);
  }
  *reinterpret_cast<Several*>(x + i) = point;
  *reinterpret_cast<Several*>(target + i) = slope;
}

}  // namespace detail

template <>
struct FlowMixKernel<Cuda> {
  template <class Factors, class T>
  static void run(const Factors& factors_at, std::int64_t batch, std::int64_t each, const T* data,
                  const T* noise, const double* times, T* x, T* target, wide_t<T>* t, T* out_weight) {
    constexpr int width = detail::Packet<T>::count;
    const auto bits = reinterpret_cast<std::uintptr_t>(data) | reinterpret_cast<std::uintptr_t>(noise) |
                      reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(target);
    const bool aligned = bits % 16 == 0 && each % width == 0;
    // Samples without elements still need times and weights.
    const std::int64_t per_block = std::int64_t{threads} * (aligned ? width : 1);
    const std::int64_t pieces = each == 0 ? 1 : (each + per_block - 1) / per_block;
    launch("flow_mix",
           aligned ? detail::flow_mix_pieces<width, Factors, T> : detail::flow_mix_pieces<1, Factors, T>,
           blocks_for(batch * pieces, 1), threads, 0, factors_at, each, pieces, data, noise, times, x, target,
           t, out_weight);
  }

 private:
  static constexpr unsigned threads = 256;
};

}  // namespace pixnerd
