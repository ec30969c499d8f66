// SPDX-License-Identifier: MIT
/// \file
/// The linear layer.
#pragma once

#include <cmath>

#include <pixnerd/nn/initializer.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/linear.hpp>

namespace pixnerd {

/// y = x weight^T + bias. x (..., in) -> y (..., out); weight (out, in), bias (out) unless constructed
/// without. Initial weight and bias are U(-1/sqrt(in), 1/sqrt(in)).
template <class Policy = On<Cpu>>
struct Linear {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Tensor<T, Device> weight;
  Tensor<T, Device> bias;

  Linear(std::int64_t in, std::int64_t out, Initializer& init, bool with_bias = true) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    weight = init.uniform<T, Device>({out, in}, bound);
    if (with_bias) bias = init.uniform<T, Device>({out}, bound);
  }

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const { return linear(x, weight, bias); }

  /// The same without rounding the sums, where a narrow layer's result is wanted in float32.
  Tensor<wide_t<T>, Device> wide(const Tensor<T, Device>& x) const { return wide_linear(x, weight, bias); }

  static void visit(auto& self, auto&& visitor) {
    visitor("weight", self.weight);
    visitor("bias", self.bias);
  }
};

}  // namespace pixnerd
