// SPDX-License-Identifier: MIT
/// \file
/// A sum of several tensors with coefficients, in one pass over memory.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/cpu/wide.hpp>
#include <pixnerd/ops/scale.hpp>

namespace pixnerd {

template <class Device>
struct WeightedSumKernel : MissingKernel<Device> {};

template <>
struct WeightedSumKernel<Cpu> {
  /// y = sum of terms[k].first * terms[k].second over at least one term.
  template <class T>
  static void forward(std::int64_t count, const std::vector<std::pair<wide_t<T>, const T*>>& terms, T* y) {
    using W = wide_t<T>;
    // A piece of the sum stays in the first-level cache while all terms are added to it.
    constexpr std::int64_t piece = 2048;
    parallel_ranges(count, piece, [&](std::int64_t begin, std::int64_t end) {
      std::array<W, is_wide<T> ? 0 : piece> own;
      W* sum = own.data();
      if constexpr (is_wide<T>) sum = y + begin;
      const std::int64_t n = end - begin;
      const auto [first, x0] = terms[0];
      for (std::int64_t i = 0; i < n; ++i) sum[i] = first * W(x0[begin + i]);
      for (std::size_t k = 1; k < terms.size(); ++k) {
        const auto [factor, x] = terms[k];
        for (std::int64_t i = 0; i < n; ++i) sum[i] += factor * W(x[begin + i]);
      }
      if constexpr (!is_wide<T>) {
        for (std::int64_t i = 0; i < n; ++i) y[begin + i] = static_cast<T>(sum[i]);
      }
    });
  }
};

/// Weighted sum: y = sum of c_i x_i over pairs (c_i, x_i), added left to right. All x_i and y have one shape.
/// Saves nothing. Throws ValueError without terms, ShapeError when shapes differ.
template <class T, class Device>
Tensor<T, Device> weighted_sum(const std::vector<std::pair<double, Tensor<T, Device>>>& terms) {
  if (terms.empty()) raise<ValueError>("weighted_sum", "at least one term", "none");
  const Shape& shape = terms[0].second.shape();
  std::vector<std::pair<wide_t<T>, const T*>> pointers;
  bool wants_grad = false;
  for (const auto& [factor, x] : terms) {
    if (!(x.shape() == shape)) {
      raise<ShapeError>("weighted_sum", str_cat("tensors of one shape, ", shape), str_cat(x.shape()));
    }
    pointers.emplace_back(static_cast<wide_t<T>>(factor), x.data());
    wants_grad = wants_grad || needs_grad(x);
  }
  Tensor<T, Device> y(shape);
  WeightedSumKernel<Device>::template forward<T>(y.count(), pointers, y.data());
  if (wants_grad) {
    std::vector<std::pair<wide_t<T>, std::shared_ptr<GradSlot<Device>>>> inputs;
    for (const auto& [factor, x] : terms) {
      if (x.slot()) inputs.emplace_back(static_cast<wide_t<T>>(factor), x.slot());
    }
    record(y, [inputs = std::move(inputs)](const Tensor<T, Device>& grad_y) {
      for (const auto& [factor, slot] : inputs) {
        ScaleKernel<Device>::multiply(grad_y.count(), grad_y.data(), factor, grad_target<T>(slot));
      }
    });
  }
  return y;
}

}  // namespace pixnerd
