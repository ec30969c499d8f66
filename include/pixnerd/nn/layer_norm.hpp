// SPDX-License-Identifier: MIT
/// \file
/// The LayerNorm layer.
#pragma once

#include <pixnerd/nn/initializer.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/layer_norm.hpp>

namespace pixnerd {

/// y = (x - mean) / sqrt(variance + 1e-6) * weight + bias over the innermost axis. x (..., D) -> y (..., D);
/// weight and bias (D) of wide_t<T>, initially one and zero.
template <class Policy = On<Cpu>>
struct LayerNorm {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Tensor<W, Device> weight;
  Tensor<W, Device> bias;

  LayerNorm(std::int64_t width, Initializer& init)
      : weight(init.constant<W, Device>({width}, 1.0)), bias(init.constant<W, Device>({width}, 0.0)) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const { return layer_norm(x, weight, bias); }

  static void visit(auto& self, auto&& visitor) {
    visitor("weight", self.weight);
    visitor("bias", self.bias);
  }
};

}  // namespace pixnerd
