// SPDX-License-Identifier: MIT
/// \file
/// Sines and cosines of a time on the GPU: one thread per time and frequency, in float64 as on the CPU.
#pragma once

#include <cmath>

#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/ops/timestep_features.hpp>

namespace pixnerd {

namespace detail {

template <class T>
__global__ void timestep_features_kernel_of(std::int64_t batch, std::int64_t half, double log_period,
                                            const T* t, T* y) {
  const std::int64_t index = thread_index();
  if (index >= batch * half) return;
  const auto [i, k] = divide(index, half);
  const double angle =
      static_cast<double>(static_cast<wide_t<T>>(t[i])) * timestep_frequency(k, half, log_period);
  y[i * 2 * half + k] = static_cast<T>(static_cast<wide_t<T>>(cos(angle)));
  y[i * 2 * half + half + k] = static_cast<T>(static_cast<wide_t<T>>(sin(angle)));
}

}  // namespace detail

template <>
struct TimestepFeaturesKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t half, double max_period, const T* t, T* y) {
    constexpr int threads = 128;
    launch("timestep_features", detail::timestep_features_kernel_of<T>, blocks_for(batch * half, threads),
           threads, 0, batch, half, std::log(max_period), t, y);
  }
};

}  // namespace pixnerd
