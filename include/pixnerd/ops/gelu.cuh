// SPDX-License-Identifier: MIT
/// \file
/// GELU activation on the GPU.
#pragma once

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/gelu.hpp>

namespace pixnerd {

template <>
struct GeluKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t count, const T* x, T* y) {
    cuda_unary<GeluFormula>("gelu", count, x, y);
  }

  template <class T>
  static void backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
    cuda_unary_backward<GeluFormula>("gelu", count, x, grad_y, grad_x);
  }
};

}  // namespace pixnerd
