// SPDX-License-Identifier: MIT
/// \file
/// Sums and means on the GPU, by the kernels for sums over broadcast axes, with a factor. Added in float64.
#pragma once

#include <pixnerd/ops/cuda/broadcast_sum.cuh>
#include <pixnerd/ops/reduce.hpp>

namespace pixnerd {

namespace detail {

template <class W>
struct RepeatScaled {
  static constexpr bool reads_gradient = false, reads_operands = true;
  W factor;
  __device__ W operator()(W, W a, W) const { return factor * a; }
};

}  // namespace detail

template <>
struct ReduceKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t outer, std::int64_t n, std::int64_t inner, double factor, const T* x,
                      T* y) {
    cuda_broadcast_sum<double, T>("reduce", loops(outer, n, inner), outer * inner, x, x, x, {y}, factor,
                                  detail::PlainSum{});
  }

  template <class T>
  static void backward(std::int64_t outer, std::int64_t n, std::int64_t inner, double factor, const T* grad_y,
                       GradTarget<T> grad_x) {
    // The second operand is not used. Passing the first one again gives both the same alignment.
    cuda_broadcast<T>("reduce", loops(outer, n, inner), grad_y, grad_y, grad_y, grad_x,
                      detail::RepeatScaled<wide_t<T>>{static_cast<wide_t<T>>(factor)});
  }

 private:
  static BroadcastLoops loops(std::int64_t outer, std::int64_t n, std::int64_t inner) {
    const Shape whole{outer, n, inner}, sum{outer, 1, inner};
    return {whole, sum, sum};
  }
};

}  // namespace pixnerd
