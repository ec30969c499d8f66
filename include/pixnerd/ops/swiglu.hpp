// SPDX-License-Identifier: MIT
/// \file
/// The gate of a SwiGLU network.
#pragma once

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// The formula, for both devices: silu(a) b and its derivatives, given the sigmoid s of a, which a GPU may
/// compute faster.
struct SwigluFormula {
  template <class W>
  PIXNERD_FORMULA static W value(W a, W b, W s) {
    return a * s * b;
  }
  template <class W>
  struct Gradients {
    W a, b;
  };
  template <class W>
  PIXNERD_FORMULA static Gradients<W> gradients(W a, W b, W s, W grad_y) {
    const W by_silu = grad_y * b, silu = a * s;
    return {by_silu * (s + silu * (W(1) - s)), grad_y * silu};
  }
};

template <class Device>
struct SwigluKernel : MissingKernel<Device> {};

template <>
struct SwigluKernel<Cpu> {
  static constexpr std::int64_t grain = 8192;

  template <class T>
  static void forward(std::int64_t count, const T* a, const T* b, T* y) {
    using W = wide_t<T>;
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        y[i] = static_cast<T>(SwigluFormula::value(W(a[i]), W(b[i]), sigmoid(W(a[i]))));
    });
  }

  /// Either target may be false. Both may belong to one tensor: grad_a contributes first.
  template <class T>
  static void backward(std::int64_t count, const T* a, const T* b, const T* grad_y, GradTarget<T> grad_a,
                       GradTarget<T> grad_b) {
    using W = wide_t<T>;
    const auto at = [=](std::int64_t i) {
      const W ai = W(a[i]);
      return SwigluFormula::gradients(ai, W(b[i]), sigmoid(ai), W(grad_y[i]));
    };
    parallel_ranges(count, grain, [=](std::int64_t begin, std::int64_t end) {
      if (grad_a && grad_b) {
        for (std::int64_t i = begin; i < end; ++i) {
          const auto grad = at(i);
          grad_a.put(i, static_cast<T>(grad.a));
          grad_b.put(i, static_cast<T>(grad.b));
        }
      } else if (grad_a) {
        for (std::int64_t i = begin; i < end; ++i) grad_a.put(i, static_cast<T>(at(i).a));
      } else if (grad_b) {
        for (std::int64_t i = begin; i < end; ++i) grad_b.put(i, static_cast<T>(at(i).b));
      }
    });
  }
};

/// SwiGLU's gate: y = silu(a) b, elementwise, a and b of one shape. Saves a and b. Throws ShapeError when the
/// shapes differ. Source: Shazeer 2020, "GLU variants improve transformer".
template <class T, class Device>
Tensor<T, Device> swiglu(const Tensor<T, Device>& a, const Tensor<T, Device>& b) {
  if (!(a.shape() == b.shape())) {
    raise<ShapeError>("swiglu", "a and b of one shape", str_cat(a.shape(), " and ", b.shape()));
  }
  using kernel = SwigluKernel<Device>;
  Tensor<T, Device> y(a.shape());
  kernel::forward(y.count(), a.data(), b.data(), y.data());
  if (needs_grad(a, b)) {
    record(y, [a, b](const Tensor<T, Device>& grad_y) {
      const auto grad_a = grad_target<T>(a.slot());
      const auto grad_b = grad_target<T>(b.slot());
      kernel::backward(grad_y.count(), a.data(), b.data(), grad_y.data(), grad_a, grad_b);
    });
  }
  return y;
}

}  // namespace pixnerd
