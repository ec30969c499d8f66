// SPDX-License-Identifier: MIT
/// \file
/// Exact GELU activation.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/ops/cpu/unary.hpp>

namespace pixnerd {

/// The formula, for both devices.
struct GeluFormula {
  template <class W>
  PIXNERD_FORMULA static W value(W x) {
    return gelu_value(x);
  }
  template <class W>
  PIXNERD_FORMULA static W slope(W x) {
    return gelu_slope(x);
  }
};

template <class Device>
struct GeluKernel : MissingKernel<Device> {};

template <>
struct GeluKernel<Cpu> {
  template <class T>
  static void forward(std::int64_t count, const T* x, T* y) {
    cpu_unary<GeluFormula>(count, x, y);
  }

  template <class T>
  static void backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
    cpu_unary_backward<GeluFormula>(count, x, grad_y, grad_x);
  }
};

/// GELU: y = x (1 + erf(x / sqrt 2)) / 2, elementwise, any shape. Saves x. Source: Hendrycks and Gimpel 2016,
/// "Gaussian error linear units", without their tanh approximation, as DINOv2 uses it.
template <class T, class Device>
Tensor<T, Device> gelu(const Tensor<T, Device>& x) {
  Tensor<T, Device> y(x.shape());
  GeluKernel<Device>::forward(x.count(), x.data(), y.data());
  if (needs_grad(x)) {
    record(y, [x](const Tensor<T, Device>& grad_y) {
      GeluKernel<Device>::backward(x.count(), x.data(), grad_y.data(), grad_target<T>(x.slot()));
    });
  }
  return y;
}

}  // namespace pixnerd
