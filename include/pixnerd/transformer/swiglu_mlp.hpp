// SPDX-License-Identifier: MIT
/// \file
/// The gated MLP of a transformer block.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/split.hpp>
#include <pixnerd/ops/swiglu.hpp>

namespace pixnerd {

/// y = w2(silu(w1 x) * w3 x), no biases. x (..., D) -> (..., D). The published hidden width is floor(2 * 4D /
/// 3).
template <class Policy = On<Cpu>>
struct SwigluMlp {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> w1;
  Linear<Policy> w2;
  Linear<Policy> w3;

  SwigluMlp(std::int64_t width, Initializer& init) : SwigluMlp(width, 8 * width / 3, init) {}
  SwigluMlp(std::int64_t width, std::int64_t hidden, Initializer& init)
      : w1(width, hidden, init, false), w2(hidden, width, init, false), w3(width, hidden, init, false) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const { return w2(swiglu(w1(x), w3(x))); }

  static void visit(auto& self, auto&& visitor) {
    visitor("w1", self.w1);
    visitor("w2", self.w2);
    visitor("w3", self.w3);
  }
};

/// The same with its first two maps in one and a hidden width of 4D: y = w3(silu(a) * b), [a, b] = w12 x, no
/// biases. x (..., D) -> (..., D). Source: SwiGLU in swiglu.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
struct MergedSwigluMlp {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> w12;
  Linear<Policy> w3;

  MergedSwigluMlp(std::int64_t width, Initializer& init)
      : w12(width, 8 * width, init, false), w3(4 * width, width, init, false) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const {
    const auto [a, b] = split<2>(w12(x), -1);  // (..., 4D) each
    return w3(swiglu(a, b));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("w12", self.w12);
    visitor("w3", self.w3);
  }
};

}  // namespace pixnerd
