// SPDX-License-Identifier: MIT
/// \file
/// Several learned vectors added up: a word as the sum of its parts.
#pragma once

#include <pixnerd/nn/embedding.hpp>
#include <pixnerd/ops/reduce.hpp>

namespace pixnerd {

/// indices (..., G) of int64 -> sums (..., D) of G rows of the table each; weight (K, D), initially N(0,
/// deviation). Throws ValueError for an index outside [0, K), ShapeError for an index without axes.
template <class Policy = On<Cpu>>
struct EmbeddingSum {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Embedding<Policy> table;

  EmbeddingSum(std::int64_t count, std::int64_t width, Initializer& init, double deviation = 0.02)
      : table(count, width, init, deviation) {}

  Tensor<T, Device> operator()(const Tensor<std::int64_t, Device>& indices) const {
    if (indices.rank() == 0) raise<ShapeError>("embedding sum", "indices (..., G)", str_cat(indices.shape()));
    return sum(table(indices), -2);
  }

  static void visit(auto& self, auto&& visitor) { self.table.visit(self.table, visitor); }
};

}  // namespace pixnerd
