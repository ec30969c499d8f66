// SPDX-License-Identifier: MIT
/// \file
/// Sums and means.
#pragma once

#include <algorithm>
#include <array>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/copy.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

template <class Device>
struct ReduceKernel : MissingKernel<Device> {};

template <>
struct ReduceKernel<Cpu> {
  /// y (outer x inner) = factor * the sum over the middle axis of x (outer x n x inner), added in float64.
  template <class T>
  static void forward(std::int64_t outer, std::int64_t n, std::int64_t inner, double factor, const T* x,
                      T* y) {
    // A task is a block of rows of some columns; its sums fit on the stack.
    constexpr std::int64_t columns = 256;
    const std::int64_t tiles = (inner + columns - 1) / columns, width = std::min(columns, inner);
    const std::int64_t block_rows = std::max<std::int64_t>(256, 65536 / std::max<std::int64_t>(1, width));
    const std::int64_t blocks = std::max<std::int64_t>(1, (n + block_rows - 1) / block_rows);
    const auto storage =
        allocate_bytes<Cpu>(static_cast<std::size_t>(outer * blocks * inner) * sizeof(double));
    double* partial = reinterpret_cast<double*>(storage.get());  // (outer, blocks, inner)

    const std::int64_t piece = std::min(block_rows, n) * width;
    const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, piece));
    parallel_ranges(outer * blocks * tiles, grain, [=](std::int64_t first, std::int64_t last) {
      for (std::int64_t index = first; index < last; ++index) {
        const std::int64_t o = index / tiles / blocks, block = index / tiles % blocks,
                           column = index % tiles * columns, count = std::min(columns, inner - column);
        const std::int64_t begin = block * block_rows, end = std::min(n, begin + block_rows);
        const T* from = x + o * n * inner + column;
        double* to = partial + (o * blocks + block) * inner + column;
        if (inner == 1) {
          *to = lane_sum<double>(begin, end,
                                 [=](std::int64_t i) { return static_cast<double>(wide_t<T>(from[i])); });
          continue;
        }
        std::array<double, columns> sums{};
        for (std::int64_t i = begin; i < end; ++i) {
          for (std::int64_t j = 0; j < count; ++j)
            sums[j] += static_cast<double>(wide_t<T>(from[i * inner + j]));
        }
        std::copy_n(sums.data(), count, to);
      }
    });
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t j = 0; j < inner; ++j) {
        double sum = 0;
        for (std::int64_t block = 0; block < blocks; ++block)
          sum += partial[(o * blocks + block) * inner + j];
        y[o * inner + j] = static_cast<T>(factor * sum);
      }
    }
  }

  template <class T>
  static void backward(std::int64_t outer, std::int64_t n, std::int64_t inner, double factor, const T* grad_y,
                       GradTarget<T> grad_x) {
    using W = wide_t<T>;
    const W slope = static_cast<W>(factor);
    parallel_ranges(outer * n * inner, 16384, [=](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        // As far as one number, or one row of numbers, reaches.
        const std::int64_t length = inner == 1 ? n : inner, row = begin / length;
        const std::int64_t stop = std::min(end, (row + 1) * length);
        if (inner == 1) {
          const T value = static_cast<T>(slope * W(grad_y[row]));
          for (std::int64_t i = begin; i < stop; ++i) grad_x.put(i, value);
        } else {
          const T* from = grad_y + row / n * inner + begin % inner;
          for (std::int64_t i = 0; i < stop - begin; ++i)
            grad_x.put(begin + i, static_cast<T>(slope * W(from[i])));
        }
        begin = stop;
      }
    });
  }
};

namespace detail {

/// factor times the sum over axes [first, last), which are removed.
template <class T, class Device>
Tensor<T, Device> reduce(const Tensor<T, Device>& x, int first, int last, double factor) {
  using kernel = ReduceKernel<Device>;
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis < first || axis >= last) shape.push_back(x.size(axis));
  }
  const std::int64_t outer = x.shape().count(0, first), n = x.shape().count(first, last),
                     inner = x.shape().count(last, x.rank());
  Tensor<T, Device> y(shape);
  kernel::forward(outer, n, inner, factor, x.data(), y.data());
  if (needs_grad(x)) {
    record(y, [=, slot = x.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(outer, n, inner, factor, grad_y.data(), grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace detail

/// The sum of all elements: any shape -> (). Added in float64. Saves nothing.
template <class T, class Device>
Tensor<T, Device> sum(const Tensor<T, Device>& x) {
  return detail::reduce(x, 0, x.rank(), 1.0);
}

/// The sum over one axis, which is removed: (..., n, ...) -> (...). Added in float64. Negative axes count
/// from the innermost. Saves nothing. Throws ShapeError if there is no such axis.
template <class T, class Device>
Tensor<T, Device> sum(const Tensor<T, Device>& x, int axis) {
  const int at = axis_index("sum", x.shape(), axis);
  return detail::reduce(x, at, at + 1, 1.0);
}

/// The mean of all elements: any shape -> (). Saves nothing. Throws ShapeError if there are no elements.
template <class T, class Device>
Tensor<T, Device> mean(const Tensor<T, Device>& x) {
  if (x.count() == 0) raise<ShapeError>("mean", "at least one element", str_cat(x.shape()));
  return detail::reduce(x, 0, x.rank(), 1.0 / static_cast<double>(x.count()));
}

/// The mean over one axis, which is removed: (..., n, ...) -> (...). Negative axes count from the innermost.
/// Saves nothing. Throws ShapeError if there is no such axis or its size is 0.
template <class T, class Device>
Tensor<T, Device> mean(const Tensor<T, Device>& x, int axis) {
  const int at = axis_index("mean", x.shape(), axis);
  if (x.size(at) == 0)
    raise<ShapeError>("mean", str_cat("at least one element along axis ", axis), str_cat(x.shape()));
  return detail::reduce(x, at, at + 1, 1.0 / static_cast<double>(x.size(at)));
}

}  // namespace pixnerd
