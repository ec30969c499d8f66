// SPDX-License-Identifier: MIT
/// \file
/// Product and sum of a tensor and a number.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

template <class Device>
struct ScaleKernel : MissingKernel<Device> {};

template <>
struct ScaleKernel<Cpu> {
  static constexpr std::int64_t grain = 16384;

  /// y = factor * x, written or added.
  template <class T>
  static void multiply(std::int64_t count, const T* x, wide_t<T> factor, GradTarget<T> y) {
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y.put(i, static_cast<T>(factor * wide_t<T>(x[i])));
    });
  }

  /// y = x + number.
  template <class T>
  static void add(std::int64_t count, const T* x, wide_t<T> number, T* y) {
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<T>(wide_t<T>(x[i]) + number);
    });
  }
};

/// Multiplies by a number: y = factor * x, elementwise, any shape. Saves nothing.
template <class T, class Device>
Tensor<T, Device> scale(const Tensor<T, Device>& x, double factor) {
  using kernel = ScaleKernel<Device>;
  const auto number = static_cast<wide_t<T>>(factor);
  Tensor<T, Device> y(x.shape());
  kernel::multiply(x.count(), x.data(), number, GradTarget<T>{y.data()});
  if (needs_grad(x)) {
    record(y, [number, slot = x.slot()](const Tensor<T, Device>& grad_y) {
      kernel::multiply(grad_y.count(), grad_y.data(), number, grad_target<T>(slot));
    });
  }
  return y;
}

/// Adds a number: y = x + number, elementwise, any shape. Saves nothing.
template <class T, class Device>
Tensor<T, Device> add_scalar(const Tensor<T, Device>& x, double number) {
  using kernel = ScaleKernel<Device>;
  Tensor<T, Device> y(x.shape());
  kernel::add(x.count(), x.data(), static_cast<wide_t<T>>(number), y.data());
  if (needs_grad(x)) {
    record(y, [slot = x.slot()](const Tensor<T, Device>& grad_y) {
      if (slot->adopt(grad_y)) return;
      kernel::multiply(grad_y.count(), grad_y.data(), wide_t<T>(1), grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
