// SPDX-License-Identifier: MIT
/// \file
/// Lookup of rows of a table.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

namespace detail {
/// Checks indices in host memory.
inline void check_indices(std::int64_t rows, std::int64_t count, const std::int64_t* indices) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (indices[i] < 0 || indices[i] >= rows) {
      raise<ValueError>("embedding", str_cat("indices of at least 0 and below ", rows),
                        str_cat(indices[i], " at position ", i));
    }
  }
}
}  // namespace detail

template <class Device>
struct EmbeddingKernel : MissingKernel<Device> {};

template <>
struct EmbeddingKernel<Cpu> {
  /// Throws ValueError for an index outside [0, rows).
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t count, const T* table,
                      const std::int64_t* indices, T* y) {
    detail::check_indices(rows, count, indices);
    const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        std::copy_n(table + indices[i] * width, width, y + i * width);
    });
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t count, const std::int64_t* indices,
                       const T* grad_y, GradTarget<wide_t<T>> grad_table) {
    // Several indices may name the same row, so work is cut by columns, and each column adds in order.
    parallel_ranges(width, 64, [=](std::int64_t begin, std::int64_t end) {
      if (!grad_table.add) {
        for (std::int64_t row = 0; row < rows; ++row)
          std::fill(grad_table.data + row * width + begin, grad_table.data + row * width + end, wide_t<T>(0));
      }
      for (std::int64_t i = 0; i < count; ++i) {
        wide_t<T>* to = grad_table.data + indices[i] * width;
        const T* from = grad_y + i * width;
        for (std::int64_t j = begin; j < end; ++j) to[j] += wide_t<T>(from[j]);
      }
    });
  }
};

/// Looks up rows of a table, one for each index: y_i = table[indices_i]. table (K, D), indices (...) in [0,
/// K) -> (..., D). Saves the indices. Throws ShapeError if the table is not a matrix, ValueError for an index
/// out of range.
template <class T, class Device>
Tensor<T, Device> embedding(const Tensor<T, Device>& table, const Tensor<std::int64_t, Device>& indices) {
  if (table.rank() != 2) raise<ShapeError>("embedding", "a table (K, D)", str_cat(table.shape()));
  using kernel = EmbeddingKernel<Device>;
  const std::int64_t rows = table.size(0), width = table.size(1), count = indices.count();
  Shape shape = indices.shape();
  shape.push_back(width);
  Tensor<T, Device> y(shape);  // (..., D)
  kernel::forward(rows, width, count, table.data(), indices.data(), y.data());
  if (needs_grad(table)) {
    record(y, [=, slot = table.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(rows, width, count, indices.data(), grad_y.data(), grad_target<wide_t<T>>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
