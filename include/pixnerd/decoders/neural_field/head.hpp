// SPDX-License-Identifier: MIT
/// \file
/// The field's last layer: from features to channels.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/cast.hpp>

namespace pixnerd {

/// pixels (N, P*P, F) -> (N, P*P, C): RMSNorm and a linear map that is zero at first, so that an untrained
/// model predicts no velocity. Source: NerfFinalLayer in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
struct NeuralFieldHead {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  RmsNorm<Policy> norm;
  Linear<Policy> linear;

  NeuralFieldHead(std::int64_t features, std::int64_t channels, Initializer& init)
      : norm(features, init), linear(features, channels, init) {
    linear.weight = init.constant<T, Device>({channels, features}, 0.0);
    linear.bias = init.constant<T, Device>({channels}, 0.0);
  }

  Tensor<T, Device> operator()(const Tensor<T, Device>& pixels) const { return linear(norm(pixels)); }

  static void visit(auto& self, auto&& visitor) {
    visitor("norm", self.norm);
    visitor("linear", self.linear);
  }
};

/// pixels (N, P*P, F) -> (N, P*P, C): a linear map in wide_t<T>, zero at first, without norm: it is the last,
/// and under Mixed every rounding here would go straight to the velocity. Source: NerfFinalLayer in
/// pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
struct NeuralFieldLinearHead {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Linear<On<Device, Full<W>>> linear;

  NeuralFieldLinearHead(std::int64_t features, std::int64_t channels, Initializer& init)
      : linear(features, channels, init) {
    linear.weight = init.constant<W, Device>({channels, features}, 0.0);
    linear.bias = init.constant<W, Device>({channels}, 0.0);
  }

  Tensor<W, Device> operator()(const Tensor<T, Device>& pixels) const { return linear(cast<W>(pixels)); }

  static void visit(auto& self, auto&& visitor) { visitor("linear", self.linear); }
};

}  // namespace pixnerd
