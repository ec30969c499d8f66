// SPDX-License-Identifier: MIT
/// \file
/// Sinusoidal features of times, from which a network computes its time embedding.
#pragma once

#include <cmath>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Frequency k of `half`, for both devices: exp(-log_period k / half).
PIXNERD_FORMULA inline double timestep_frequency(std::int64_t k, std::int64_t half, double log_period) {
  return std::exp(-log_period * static_cast<double>(k) / static_cast<double>(half));
}

template <class Device>
struct TimestepFeaturesKernel : MissingKernel<Device> {};

template <>
struct TimestepFeaturesKernel<Cpu> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t half, double max_period, const T* t, T* y) {
    std::vector<double> frequencies;
    for (std::int64_t k = 0; k < half; ++k) {
      frequencies.push_back(timestep_frequency(k, half, std::log(max_period)));
    }
    parallel_ranges(batch, 16, [=, &frequencies](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t k = 0; k < half; ++k) {
          const double angle =
              static_cast<double>(wide_t<T>(t[i])) * frequencies[static_cast<std::size_t>(k)];
          y[i * 2 * half + k] = static_cast<T>(std::cos(angle));
          y[i * 2 * half + half + k] = static_cast<T>(std::sin(angle));
        }
      }
    });
  }
};

/// Sinusoidal features: [cos(t f), sin(t f)] with f_k = exp(-ln(max_period) k / (count / 2)), k = 0 ... count
/// / 2 - 1; angles in radians, computed in float64 and rounded once. t (B) -> (B, count). Not differentiable:
/// no gradient reaches t. Throws ShapeError for another rank of t, ValueError for an odd or negative count or
/// a period that is not positive. Source: TimestepEmbedder in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b; its
/// period is 10, not the usual 10000.
template <class T, class Device>
Tensor<T, Device> timestep_features(const Tensor<T, Device>& t, std::int64_t count = 256,
                                    double max_period = 10) {
  if (t.rank() != 1) raise<ShapeError>("timestep_features", "t (B)", str_cat(t.shape()));
  if (count < 0 || count % 2 != 0) {
    raise<ValueError>("timestep_features", "an even number of features", str_cat(count));
  }
  if (!(max_period > 0)) raise<ValueError>("timestep_features", "a positive period", str_cat(max_period));
  Tensor<T, Device> y({t.size(0), count});
  TimestepFeaturesKernel<Device>::forward(t.size(0), count / 2, max_period, t.data(), y.data());
  return y;
}

}  // namespace pixnerd
