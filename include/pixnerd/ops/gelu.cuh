/// \file
/// GELU activation on the GPU.
#pragma once

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/gelu.hpp>

namespace pixnerd {

namespace detail {

struct GeluForward {
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* y) const {
    y[0] = gelu_value(x[0]);
  }
};

/// x[0]: the input, x[1]: the gradient of the output.
struct GeluBackward {
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* grad_x) const {
    grad_x[0] = x[1] * gelu_slope(x[0]);
  }
};

}  // namespace detail

template <>
struct GeluKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t count, const T* x, T* y) {
    cuda_elementwise<T, 1, 1>("gelu", count, {x}, {{y}}, detail::GeluForward{});
  }

  template <class T>
  static void backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
    cuda_elementwise<T, 2, 1>("gelu", count, {x, grad_y}, {grad_x}, detail::GeluBackward{});
  }
};

}  // namespace pixnerd
