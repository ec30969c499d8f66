// SPDX-License-Identifier: MIT
/// \file
/// Joining tensors along an axis.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/copy.hpp>

namespace pixnerd {

template <class Device>
struct ConcatKernel : MissingKernel<Device> {};

template <>
struct ConcatKernel<Cpu> {
  /// Writes part (rows x width) into the columns of whole (rows x whole_width) starting at `first`.
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                      const T* part, T* whole) {
    copy_rows<T>(rows, width, part, {0, width}, {whole}, {first, whole_width});
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                       const T* grad_whole, GradTarget<T> grad_part) {
    copy_rows<T>(rows, width, grad_whole, {first, whole_width}, grad_part, {0, width});
  }
};

/// Joins tensors along an axis. Tensors (..., n_k, ...) that agree in all other axes -> (..., sum of n_k,
/// ...). Negative axes count from the innermost. Saves nothing. Throws ValueError without tensors, ShapeError
/// if there is no such axis or the shapes do not fit.
template <class T, class Device>
Tensor<T, Device> concat(const std::vector<Tensor<T, Device>>& tensors, int axis) {
  if (tensors.empty()) raise<ValueError>("concat", "at least one tensor", "none");
  Shape shape = tensors[0].shape();
  const int at = axis_index("concat", shape, axis);
  shape[at] = 0;
  bool wants_grad = false;
  for (const auto& x : tensors) {
    Shape others = x.shape();
    if (others.rank() == shape.rank()) others[at] = shape[at];
    if (!(others == shape)) {
      raise<ShapeError>("concat", str_cat("tensors that fit ", tensors[0].shape(), " along axis ", axis),
                        str_cat(x.shape()));
    }
    shape[at] += x.size(at);
    wants_grad = wants_grad || needs_grad(x);
  }

  using kernel = ConcatKernel<Device>;
  struct Part {
    std::int64_t width, first;
    std::shared_ptr<GradSlot<Device>> slot;
  };
  std::vector<Part> parts;
  const std::int64_t rows = shape.count(0, at), whole_width = shape.count(at, shape.rank());
  Tensor<T, Device> y(shape);
  std::int64_t first = 0;
  for (const auto& x : tensors) {
    const std::int64_t width = x.shape().count(at, shape.rank());
    kernel::forward(rows, width, whole_width, first, x.data(), y.data());
    parts.push_back({width, first, x.slot()});
    first += width;
  }
  if (wants_grad) {
    record(y, [rows, whole_width, parts = std::move(parts)](const Tensor<T, Device>& grad_y) {
      for (const auto& part : parts) {
        if (!part.slot) continue;
        kernel::backward(rows, part.width, whole_width, part.first, grad_y.data(), grad_target<T>(part.slot));
      }
    });
  }
  return y;
}

}  // namespace pixnerd
