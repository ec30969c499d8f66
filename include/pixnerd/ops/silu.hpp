// SPDX-License-Identifier: MIT
/// \file
/// SiLU activation.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/ops/cpu/unary.hpp>

namespace pixnerd {

/// The formula, for both devices.
struct SiluFormula {
  template <class W>
  PIXNERD_FORMULA static W value(W x) {
    return silu_value(x);
  }
  template <class W>
  PIXNERD_FORMULA static W slope(W x) {
    return silu_slope(x);
  }
};

template <class Device>
struct SiluKernel : MissingKernel<Device> {};

template <>
struct SiluKernel<Cpu> {
  template <class T>
  static void forward(std::int64_t count, const T* x, T* y) {
    cpu_unary<SiluFormula>(count, x, y);
  }

  template <class T>
  static void backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
    cpu_unary_backward<SiluFormula>(count, x, grad_y, grad_x);
  }
};

/// SiLU: y = x / (1 + e^-x), elementwise, any shape. Saves x. Source: Hendrycks and Gimpel 2016, "Gaussian
/// error linear units".
template <class T, class Device>
Tensor<T, Device> silu(const Tensor<T, Device>& x) {
  Tensor<T, Device> y(x.shape());
  SiluKernel<Device>::forward(x.count(), x.data(), y.data());
  if (needs_grad(x)) {
    record(y, [x](const Tensor<T, Device>& grad_y) {
      SiluKernel<Device>::backward(x.count(), x.data(), grad_y.data(), grad_target<T>(x.slot()));
    });
  }
  return y;
}

}  // namespace pixnerd
