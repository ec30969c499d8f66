/// \file
/// Times as sines and cosines.
#pragma once

#include <cmath>

#include <pixnerd/autograd/tape.hpp>

namespace pixnerd {

template <class Device>
struct timestep_features_kernel {
  static_assert(
      sizeof(Device) == 0,
      "op timestep_features has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

template <>
struct timestep_features_kernel<Cpu> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t half, double longest_period, const T* t, T* y) {
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t k = 0; k < half; ++k) {
        const double frequency =
            std::exp(-std::log(longest_period) * static_cast<double>(k) / static_cast<double>(half));
        const double angle = static_cast<double>(t[b]) * frequency;
        y[b * 2 * half + k] = static_cast<T>(std::cos(angle));
        y[b * 2 * half + half + k] = static_cast<T>(std::sin(angle));
      }
    }
  }
};

/// y = [cos(t f_k), sin(t f_k)] with f_k = exp(-ln(longest_period) k / half), k = 0 ... half - 1, half =
/// features / 2. t (B) -> y (B, features). Not differentiable: times are given. Source: PixNerd, time
/// embedding. Throws ShapeError for t of another rank, ValueError for an odd number of features.
template <class T, class Device>
Tensor<T, Device> timestep_features(const Tensor<T, Device>& t, std::int64_t features,
                                    double longest_period) {
  if (t.rank() != 1) raise<ShapeError>("timestep_features", "times (B)", text(t.shape()));
  if (features < 2 || features % 2 != 0) {
    raise<ValueError>("timestep_features", "an even number of features", text(features));
  }
  Tensor<T, Device> y({t.size(0), features});
  timestep_features_kernel<Device>::forward(t.size(0), features / 2, longest_period, t.data(), y.data());
  return y;
}

}  // namespace pixnerd
