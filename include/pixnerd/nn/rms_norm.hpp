// SPDX-License-Identifier: MIT
/// \file
/// The RMSNorm layer.
#pragma once

#include <pixnerd/nn/initializer.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/norm_modulate.hpp>
#include <pixnerd/ops/rms_norm.hpp>

namespace pixnerd {

/// y = x / sqrt(mean(x^2) + epsilon) * weight over the innermost axis. x (..., D) -> y (..., D); weight (D)
/// of wide_t<T>, initially one. `rounding` says when a result narrower than float32 is rounded; float32
/// results do not depend on it.
template <class Policy = On<Cpu>, RmsRounding rounding = RmsRounding::before_weight>
struct RmsNorm {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Tensor<W, Device> weight;
  double epsilon;

  RmsNorm(std::int64_t width, Initializer& init, double epsilon_ = 1e-6)
      : weight(init.constant<W, Device>({width}, 1.0)), epsilon(epsilon_) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const {
    return rms_norm(x, weight, epsilon, rounding);
  }

  /// The norm, then * (1 + scale) + shift, in one pass. x (B, L, D) of wide_t<T>, shift and scale (B, D).
  Tensor<T, Device> modulated(const Tensor<W, Device>& x, const Tensor<T, Device>& shift,
                              const Tensor<T, Device>& scale) const {
    return norm_modulate(x, weight, shift, scale, epsilon, rounding);
  }

  static void visit(auto& self, auto&& visitor) { visitor("weight", self.weight); }
};

}  // namespace pixnerd
