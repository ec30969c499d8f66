// SPDX-License-Identifier: MIT
/// \file
/// SiLU activation on the GPU.
#pragma once

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/silu.hpp>

namespace pixnerd {

template <>
struct SiluKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t count, const T* x, T* y) {
    cuda_unary<SiluFormula>("silu", count, x, y);
  }

  template <class T>
  static void backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
    cuda_unary_backward<SiluFormula>("silu", count, x, grad_y, grad_x);
  }
};

}  // namespace pixnerd
