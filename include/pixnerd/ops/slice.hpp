// SPDX-License-Identifier: MIT
/// \file
/// Cutting a range out of a tensor.
#pragma once

#include <algorithm>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/copy.hpp>

namespace pixnerd {

template <class Device>
struct SliceKernel : MissingKernel<Device> {};

template <>
struct SliceKernel<Cpu> {
  /// part (rows x width) = the columns of whole (rows x whole_width) starting at `first`.
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                      const T* whole, T* part) {
    copy_rows<T>(rows, width, whole, {first, whole_width}, {part}, {0, width});
  }

  /// Writes zeros outside the part, unless the gradient is added.
  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                       const T* grad_part, GradTarget<T> grad_whole) {
    if (!grad_whole.add) std::fill_n(grad_whole.data, rows * whole_width, T());
    copy_rows<T>(rows, width, grad_part, {0, width}, grad_whole, {first, whole_width});
  }
};

/// Copies elements [begin, end) of an axis. x (..., n, ...) -> (..., end - begin, ...). Negative axes count
/// from the innermost. Saves nothing. Throws ShapeError if there is no such axis or range.
template <class T, class Device>
Tensor<T, Device> slice(const Tensor<T, Device>& x, int axis, std::int64_t begin, std::int64_t end) {
  const int at = axis_index("slice", x.shape(), axis);
  if (begin < 0 || end < begin || end > x.size(at)) {
    raise<ShapeError>("slice", str_cat("a range within axis ", axis, " of ", x.shape()),
                      str_cat(begin, " to ", end));
  }
  Shape shape = x.shape();
  shape[at] = end - begin;
  const std::int64_t rows = shape.count(0, at), each = shape.count(at + 1, shape.rank());
  const std::int64_t width = (end - begin) * each, whole_width = x.size(at) * each, first = begin * each;
  using kernel = SliceKernel<Device>;
  Tensor<T, Device> y(shape);
  kernel::forward(rows, width, whole_width, first, static_cast<const T*>(x.data()), y.data());
  if (needs_grad(x)) {
    record(y, [=, slot = x.slot()](const Tensor<T, Device>& grad_y) {
      kernel::backward(rows, width, whole_width, first, static_cast<const T*>(grad_y.data()),
                       grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
