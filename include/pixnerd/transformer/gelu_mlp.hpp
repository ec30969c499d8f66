// SPDX-License-Identifier: MIT
/// \file
/// The two-layer MLP with GELU between.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/gelu.hpp>

namespace pixnerd {

/// y = fc2(gelu(fc1 x)), with biases. x (..., D) -> (..., D).
template <class Policy = On<Cpu>>
struct GeluMlp {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> fc1;
  Linear<Policy> fc2;

  GeluMlp(std::int64_t width, std::int64_t hidden, Initializer& init)
      : fc1(width, hidden, init), fc2(hidden, width, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const { return fc2(gelu(fc1(x))); }

  static void visit(auto& self, auto&& visitor) {
    visitor("fc1", self.fc1);
    visitor("fc2", self.fc2);
  }
};

}  // namespace pixnerd
