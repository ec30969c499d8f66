// SPDX-License-Identifier: MIT
/// \file
/// The gate of a SwiGLU network on the GPU. Every input is read once and every result is written once, 16
/// bytes at a time; both gradients take one pass.
#pragma once

#include <pixnerd/ops/cuda/activation.cuh>
#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/swiglu.hpp>

namespace pixnerd {

namespace detail {

/// x: a, b.
template <class T>
struct SwigluForward {
  using W = wide_t<T>;
  __device__ void operator()(std::int64_t, const W* x, W* y) const {
    y[0] = SwigluFormula::value(x[0], x[1], cuda_sigmoid<T>(x[0]));
  }
};

/// x: a, b, grad_y.
template <class T>
struct SwigluBackward {
  using W = wide_t<T>;
  __device__ void operator()(std::int64_t, const W* x, W* grad) const {
    const auto grads = SwigluFormula::gradients(x[0], x[1], cuda_sigmoid<T>(x[0]), x[2]);
    grad[0] = grads.a;
    grad[1] = grads.b;
  }
};

/// The gradient of one tensor that is both a and b.
template <class T>
struct SwigluBackwardOfOne {
  using W = wide_t<T>;
  __device__ void operator()(std::int64_t i, const W* x, W* grad) const {
    W parts[2];
    SwigluBackward<T>{}(i, x, parts);
    grad[0] = parts[0] + parts[1];
  }
};

}  // namespace detail

template <>
struct SwigluKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t count, const T* a, const T* b, T* y) {
    cuda_elementwise<T, 2, 1>("swiglu", count, {a, b}, {{y}}, detail::SwigluForward<T>{});
  }

  template <class T>
  static void backward(std::int64_t count, const T* a, const T* b, const T* grad_y, GradTarget<T> grad_a,
                       GradTarget<T> grad_b) {
    if (grad_a.data == grad_b.data) {
      cuda_elementwise<T, 3, 1>("swiglu", count, {a, b, grad_y}, {grad_a}, detail::SwigluBackwardOfOne<T>{});
    } else {
      cuda_elementwise<T, 3, 2>("swiglu", count, {a, b, grad_y}, {grad_a, grad_b},
                                detail::SwigluBackward<T>{});
    }
  }
};

}  // namespace pixnerd
