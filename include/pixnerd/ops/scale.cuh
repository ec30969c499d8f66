// SPDX-License-Identifier: MIT
/// \file
/// Product and sum of a tensor and a number on the GPU.
#pragma once

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/ops/scale.hpp>

namespace pixnerd {

namespace detail {

template <class W>
struct ScaleFormula {
  W factor;
  __device__ void operator()(std::int64_t, const W* x, W* y) const { y[0] = factor * x[0]; }
};

template <class W>
struct AddScalarFormula {
  W number;
  __device__ void operator()(std::int64_t, const W* x, W* y) const { y[0] = x[0] + number; }
};

}  // namespace detail

template <>
struct ScaleKernel<Cuda> {
  template <class T>
  static void multiply(std::int64_t count, const T* x, wide_t<T> factor, GradTarget<T> y) {
    cuda_elementwise<T, 1, 1>("scale", count, {x}, {y}, detail::ScaleFormula<wide_t<T>>{factor});
  }

  template <class T>
  static void add(std::int64_t count, const T* x, wide_t<T> number, T* y) {
    cuda_elementwise<T, 1, 1>("add_scalar", count, {x}, {{y}}, detail::AddScalarFormula<wide_t<T>>{number});
  }
};

}  // namespace pixnerd
