// SPDX-License-Identifier: MIT
/// \file
/// Scaling the columns of matrices to length one.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

template <class Device>
struct NormalizeColumnsKernel : MissingKernel<Device> {};

template <>
struct NormalizeColumnsKernel<Cpu> {
  static constexpr std::int64_t tile = 256;  // columns per task; their sums fit on the stack

  template <class T>
  static void forward(std::int64_t count, std::int64_t rows, std::int64_t columns, double epsilon, const T* x,
                      T* y, wide_t<T>* inverse_norm) {
    using W = wide_t<T>;
    for_each_tile(count, columns, [=](std::int64_t matrix, std::int64_t column, std::int64_t n) {
      const T* from = x + matrix * rows * columns + column;
      T* to = y + matrix * rows * columns + column;
      std::array<W, tile> squares{}, inverse;
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < n; ++j)
          squares[j] += W(from[i * columns + j]) * W(from[i * columns + j]);
      }
      for (std::int64_t j = 0; j < n; ++j) inverse[j] = W(1) / std::max(std::sqrt(squares[j]), W(epsilon));
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < n; ++j)
          to[i * columns + j] = static_cast<T>(W(from[i * columns + j]) * inverse[j]);
      }
      std::copy_n(inverse.data(), n, inverse_norm + matrix * columns + column);
    });
  }

  template <class T>
  static void backward(std::int64_t count, std::int64_t rows, std::int64_t columns, double epsilon,
                       const T* y, const wide_t<T>* inverse_norm, const T* grad_y, GradTarget<T> grad_x) {
    using W = wide_t<T>;
    for_each_tile(count, columns, [=](std::int64_t matrix, std::int64_t column, std::int64_t n) {
      const std::int64_t start = matrix * rows * columns + column;
      const W* inverse = inverse_norm + matrix * columns + column;
      std::array<W, tile> dot{};
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t row = start + i * columns;
        for (std::int64_t j = 0; j < n; ++j) dot[j] += W(grad_y[row + j]) * W(y[row + j]);
      }
      // If the norm was clamped, the column was only scaled.
      const W clamped = W(1) / W(epsilon);
      for (std::int64_t j = 0; j < n; ++j) dot[j] = inverse[j] < clamped ? dot[j] : W(0);
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t row = start + i * columns;
        for (std::int64_t j = 0; j < n; ++j)
          grad_x.put(row + j, static_cast<T>((W(grad_y[row + j]) - W(y[row + j]) * dot[j]) * inverse[j]));
      }
    });
  }

 private:
  /// Calls body(matrix, first column, number of columns).
  template <class Body>
  static void for_each_tile(std::int64_t count, std::int64_t columns, Body body) {
    const std::int64_t tiles = (columns + tile - 1) / tile;
    parallel_for(count * tiles, [=](std::int64_t index) {
      const std::int64_t column = index % tiles * tile;
      body(index / tiles, column, std::min(tile, columns - column));
    });
  }
};

/// Normalizes columns: divides each column of each matrix by max(its L2 norm, epsilon).
/// x (N, rows, columns) -> the same shape. Saves the result and the inverse norms. Throws ShapeError for
/// another rank. Source: NerfBlock in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> normalize_columns(const Tensor<T, Device>& x, double epsilon = 1e-12) {
  if (x.rank() != 3) raise<ShapeError>("normalize_columns", "x (N, rows, columns)", str_cat(x.shape()));
  using kernel = NormalizeColumnsKernel<Device>;
  const std::int64_t count = x.size(0), rows = x.size(1), columns = x.size(2);
  Tensor<T, Device> y(x.shape());
  Tensor<wide_t<T>, Device> inverse_norm({count, columns});
  kernel::forward(count, rows, columns, epsilon, x.data(), y.data(), inverse_norm.data());
  if (needs_grad(x)) {
    record(y, [=, slot = x.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(count, rows, columns, epsilon, y.data(), inverse_norm.data(), grad_y.data(),
                       grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
