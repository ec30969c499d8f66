// SPDX-License-Identifier: MIT
/// \file
/// Points between noise and data and the network's targets there, at one time per sample, in one pass over
/// memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// A batch of points between noise and data.
template <class T, class Device>
struct FlowSample {
  Tensor<T, Device> x;          ///< (B, ...): alpha data + sigma noise
  Tensor<wide_t<T>, Device> t;  ///< (B): the times, for the model
  Tensor<T, Device> target;     ///< (B, ...): target_data data + target_noise noise, such as the velocity
  Tensor<T, Device> weight;     ///< (B, 1, ...): weights in the loss; undefined where all are 1
};

/// The factors of one sample.
struct FlowFactors {
  double alpha = 0, sigma = 0;               ///< x = alpha data + sigma noise
  double target_data = 0, target_noise = 0;  ///< target = target_data data + target_noise noise
  double weight = 1;                         ///< in the loss
};

template <class Device>
struct FlowMixKernel : MissingKernel<Device> {};

template <>
struct FlowMixKernel<Cpu> {
  static constexpr std::int64_t grain = 16384;
  static constexpr std::int64_t tile = 512;

  /// `batch` samples of `each` elements; out_weight may be null.
  template <class Factors, class T>
  static void run(const Factors& factors_at, std::int64_t batch, std::int64_t each, const T* data,
                  const T* noise, const double* times, T* x, T* target, wide_t<T>* t, T* out_weight) {
    using W = wide_t<T>;
    for (std::int64_t b = 0; b < batch; ++b) {
      t[b] = static_cast<W>(times[b]);
      if (out_weight != nullptr) out_weight[b] = static_cast<T>(static_cast<W>(factors_at(times[b]).weight));
    }
    const std::int64_t blocks = (each + grain - 1) / grain;
    parallel_for(batch * blocks, [=, &factors_at](std::int64_t index) {
      const std::int64_t b = index / blocks, first = index % blocks * grain;
      const std::int64_t last = b * each + std::min(each, first + grain);
      const FlowFactors f = factors_at(times[b]);
      for (std::int64_t i = b * each + first; i < last; i += tile) {
        const std::int64_t n = std::min(tile, last - i);
        mix(n, static_cast<W>(f.alpha), data + i, static_cast<W>(f.sigma), noise + i, x + i);
        mix(n, static_cast<W>(f.target_data), data + i, static_cast<W>(f.target_noise), noise + i,
            target + i);
      }
    });
  }

 private:
  /// y = a data + s noise. The products are rounded before they are added: separate loops keep the compiler
  /// from fusing them, so results do not depend on FMA contraction.
  template <class T, class W>
  static void mix(std::int64_t n, W a, const T* data, W s, const T* noise, T* y) {
    W of_data[tile], of_noise[tile];
    for (std::int64_t i = 0; i < n; ++i) of_data[i] = a * static_cast<W>(data[i]);
    for (std::int64_t i = 0; i < n; ++i) of_noise[i] = s * static_cast<W>(noise[i]);
    for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(of_data[i] + of_noise[i]);
  }
};

/// Points x = alpha(t) data + sigma(t) noise and targets between `data` and `noise`, both (B, ...), at
/// `times` (B), which should be in [0, 1].
///
/// `factors_at` maps a time to FlowFactors. It is called on the device, so for a GPU it must be marked
/// PIXNERD_HOST_DEVICE. Factors are computed in float64 and rounded once. FlowSample::weight is computed only
/// `with_weight`. Not differentiable. Throws ShapeError when the shapes do not fit, ValueError if data or
/// noise wants a gradient. Source: REPATrainer in training_repa.py, MCG-NJU/PixNerd@6da060b, x_t and v_t.
template <class Factors, class T, class Device>
FlowSample<T, Device> flow_mix(const Factors& factors_at, const Tensor<T, Device>& data,
                               const Tensor<T, Device>& noise, const Tensor<double, Device>& times,
                               bool with_weight) {
  if (data.rank() < 1 || !(data.shape() == noise.shape()) || !(times.shape() == Shape{data.size(0)})) {
    raise<ShapeError>(
        "flow matching", "data and noise (B, ...) of the same shape and B times",
        str_cat("data ", data.shape(), ", noise ", noise.shape(), " and ", times.count(), " times"));
  }
  if (needs_grad(data, noise)) {
    raise<ValueError>("flow matching", "data and noise that want no gradient", "one that wants it");
  }
  const std::int64_t batch = data.size(0), each = batch == 0 ? 0 : data.count() / batch;
  FlowSample<T, Device> out{Tensor<T, Device>(data.shape()),
                            Tensor<wide_t<T>, Device>({batch}),
                            Tensor<T, Device>(data.shape()),
                            {}};
  if (with_weight) {
    Shape one_per_sample{batch};
    while (one_per_sample.rank() < data.rank()) one_per_sample.push_back(1);
    out.weight = Tensor<T, Device>(one_per_sample);
  }
  FlowMixKernel<Device>::run(factors_at, batch, each, data.data(), noise.data(), times.data(), out.x.data(),
                             out.target.data(), out.t.data(), out.weight.data());
  return out;
}

}  // namespace pixnerd
