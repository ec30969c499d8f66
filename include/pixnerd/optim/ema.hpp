// SPDX-License-Identifier: MIT
/// \file
/// Exponential moving averages (EMA) of weights.
#pragma once

#include <concepts>

#include <pixnerd/core/annotations.hpp>
#include <pixnerd/ops/cast.hpp>

namespace pixnerd {

/// The average after an update that left `weight`:
///
///   average <- decay average + (1 - decay) weight
///
/// `rest` is 1 - decay, which the caller subtracts in float64. Source: update_ema() of guided_diffusion/nn.py
/// in openai/guided-diffusion, commit aca3097.
template <class T>
PIXNERD_HOST_DEVICE inline T average_value(T average, T weight, T decay, T rest) {
  return decay * average + rest * weight;
}

/// The EMA weights of a ParameterStore: one slab in the type of the master weights. An optimizer updates them
/// in the same pass as the weights. `Policy` is that of the store.
template <class Policy>
class WeightAverage {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Master;
  using Compute = typename Policy::Compute;
  using Slab = Tensor<T, Device>;
  using Copies = Tensor<Compute, Device>;

  /// Begins a new average at `weights`.
  void start(const Slab& weights) {
    values_ = Slab(weights.shape());
    copy_into(values_, weights);
  }

  /// Undefined before start().
  const Slab& values() const { return values_; }

  /// The average in the type in which layers compute: values(), or a slab that each call rounds again.
  Copies rounded() const {
    if constexpr (std::same_as<T, Compute>) {
      return values_;
    } else {
      if (!copies_.defined()) copies_ = Copies(values_.shape());
      CastKernel<Device>::run(values_.count(), static_cast<const T*>(values_.data()),
                              GradTarget<Compute>{copies_.data()});
      return copies_;
    }
  }

 private:
  Slab values_;
  mutable Copies copies_;  // allocated by the first rounded()
};

}  // namespace pixnerd
