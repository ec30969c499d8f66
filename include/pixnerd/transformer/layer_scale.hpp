// SPDX-License-Identifier: MIT
/// \file
/// A residual connection with a learned scale for each feature.
#pragma once

#include <pixnerd/nn/initializer.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/gated_residual.hpp>

namespace pixnerd {

/// y = s + gamma h, gamma (D) shared by all tokens, initially one. s and h (B, L, D); gamma, s and y are of
/// wide_t<T>. Source: Touvron et al. 2021, "Going deeper with image transformers".
template <class Policy = On<Cpu>>
struct LayerScale {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Tensor<W, Device> gamma;

  LayerScale(std::int64_t width, Initializer& init) : gamma(init.constant<W, Device>({width}, 1.0)) {}

  Tensor<W, Device> operator()(const Tensor<W, Device>& s, const Tensor<T, Device>& h) const {
    const std::int64_t width = gamma.count();
    const Shape one_image{1, s.shape().rows(), width};
    return gated_residual(s.reshape(one_image), gamma.reshape({1, width}), cast<W>(h).reshape(one_image))
        .reshape(s.shape());
  }

  static void visit(auto& self, auto&& visitor) { visitor("gamma", self.gamma); }
};

}  // namespace pixnerd
