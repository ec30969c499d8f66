// SPDX-License-Identifier: MIT
/// \file
/// The embedding layer: one learned vector per class or token.
#pragma once

#include <pixnerd/nn/initializer.hpp>
#include <pixnerd/nn/precision.hpp>
#include <pixnerd/ops/embedding.hpp>

namespace pixnerd {

/// indices (...) of int64 -> rows of the table (..., D); weight (K, D), initially N(0, deviation).
/// Throws ValueError for an index outside [0, K).
template <class Policy = On<Cpu>>
struct Embedding {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Tensor<T, Device> weight;

  Embedding(std::int64_t count, std::int64_t width, Initializer& init, double deviation = 0.02)
      : weight(init.normal<T, Device>({count, width}, deviation)) {}

  Tensor<T, Device> operator()(const Tensor<std::int64_t, Device>& indices) const {
    return embedding(weight, indices);
  }

  static void visit(auto& self, auto&& visitor) { visitor("weight", self.weight); }
};

}  // namespace pixnerd
