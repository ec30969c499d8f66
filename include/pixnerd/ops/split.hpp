/// \file
/// Cutting a tensor into equal parts.
#pragma once

#include <array>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu_copy.hpp>

namespace pixnerd {

template <class Device>
struct split_kernel {
  static_assert(sizeof(Device) == 0,
                "op split has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

template <>
struct split_kernel<Cpu> {
  /// part (rows x width) = columns of whole (rows x whole_width) from `first` on.
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                      const T* whole, T* part) {
    copy_rows<T>(rows, width, whole, {first, whole_width}, {part}, {0, width});
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t whole_width, std::int64_t first,
                       const T* grad_part, GradTarget<T> grad_whole) {
    copy_rows<T>(rows, width, grad_part, {0, width}, grad_whole, {first, whole_width});
  }
};

/// N equal parts of x along an axis, in order, each with memory of its own.
/// x (..., N n, ...) -> N tensors (..., n, ...). Negative axes count from the inside. Saves nothing.
/// Throws ShapeError when there is no such axis or its size is no multiple of N.
template <std::size_t N, class T, class Device>
std::array<Tensor<T, Device>, N> split(const Tensor<T, Device>& x, int axis) {
  constexpr auto parts = static_cast<std::int64_t>(N);
  static_assert(parts > 0, "split needs at least one part");
  const int at = axis_index("split", x.shape(), axis);
  if (x.size(at) % parts != 0) {
    raise<ShapeError>("split", text("a multiple of ", parts, " along axis ", axis), text(x.shape()));
  }
  using kernel = split_kernel<Device>;
  Shape shape = x.shape();
  shape[at] /= parts;
  const std::int64_t rows = shape.count(0, at), width = shape.count(at, shape.rank());
  std::array<Tensor<T, Device>, N> y;
  for (std::size_t k = 0; k < N; ++k) {
    y[k] = Tensor<T, Device>(shape);
    kernel::forward(rows, width, parts * width, static_cast<std::int64_t>(k) * width, x.data(), y[k].data());
  }
  if (needs_grad(x)) {
    record(y, [=, slot = x.slot()](const std::array<Tensor<T, Device>, N>& grad_y) {
      const auto grad_x = grad_target<T>(slot);
      for (std::size_t k = 0; k < N; ++k) {
        kernel::backward(rows, width, parts * width, static_cast<std::int64_t>(k) * width, grad_y[k].data(),
                         grad_x);
      }
    });
  }
  return y;
}

}  // namespace pixnerd
