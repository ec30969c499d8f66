// SPDX-License-Identifier: MIT
/// \file
/// Cutting a tensor into equal parts.
#pragma once

#include <array>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/copy.hpp>

namespace pixnerd {

template <class Device>
struct SplitKernel : MissingKernel<Device> {};

/// Part k (rows x width) is columns k * width ... of a matrix (rows x N * width).
template <>
struct SplitKernel<Cpu> {
  template <class T, std::size_t N>
  static void forward(std::int64_t rows, std::int64_t width, const T* whole, const std::array<T*, N>& parts) {
    for (std::size_t k = 0; k < N; ++k)
      copy_rows<T>(rows, width, whole, layout<N>(k, width), {parts[k]}, {0, width});
  }

  template <class T, std::size_t N>
  static void backward(std::int64_t rows, std::int64_t width, const std::array<const T*, N>& grad_parts,
                       GradTarget<T> grad_whole) {
    for (std::size_t k = 0; k < N; ++k)
      copy_rows<T>(rows, width, grad_parts[k], {0, width}, grad_whole, layout<N>(k, width));
  }

 private:
  template <std::size_t N>
  static RowLayout layout(std::size_t k, std::int64_t width) {
    return {static_cast<std::int64_t>(k) * width, static_cast<std::int64_t>(N) * width};
  }
};

/// Splits x into N equal parts along an axis, each with memory of its own. x (..., N n, ...) -> N tensors
/// (..., n, ...). Negative axes count from the innermost. Saves nothing. Throws ShapeError if there is no
/// such axis or its size is not a multiple of N.
template <std::size_t N, class T, class Device>
std::array<Tensor<T, Device>, N> split(const Tensor<T, Device>& x, int axis) {
  constexpr auto parts = static_cast<std::int64_t>(N);
  static_assert(parts > 0, "split needs at least one part");
  const int at = axis_index("split", x.shape(), axis);
  if (x.size(at) % parts != 0) {
    raise<ShapeError>("split", str_cat("a multiple of ", parts, " along axis ", axis), str_cat(x.shape()));
  }
  using kernel = SplitKernel<Device>;
  Shape shape = x.shape();
  shape[at] /= parts;
  const std::int64_t rows = shape.count(0, at), width = shape.count(at, shape.rank());
  std::array<Tensor<T, Device>, N> y;
  std::array<T*, N> out;
  for (std::size_t k = 0; k < N; ++k) {
    y[k] = Tensor<T, Device>(shape);
    out[k] = y[k].data();
  }
  kernel::forward(rows, width, static_cast<const T*>(x.data()), out);
  if (needs_grad(x)) {
    record(y, [=, slot = x.slot()](const std::array<Tensor<T, Device>, N>& grad_y) {
      std::array<const T*, N> grad_parts;
      for (std::size_t k = 0; k < N; ++k) grad_parts[k] = grad_y[k].data();
      kernel::backward(rows, width, grad_parts, grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
