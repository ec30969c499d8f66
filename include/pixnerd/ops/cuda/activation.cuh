// SPDX-License-Identifier: MIT
/// \file
/// The sigmoid in kernels. bfloat16 results need no more than the GPU's own exponential and reciprocal, each
/// one instruction; wider ones get the formulas of the CPU.
#pragma once

#include <concepts>

#include <pixnerd/core/element.hpp>
#include <pixnerd/core/math.hpp>
#include <pixnerd/cuda/mma.cuh>

namespace pixnerd {

/// 1 / (1 + e^-x), for results of type T.
template <class T>
__device__ inline wide_t<T> cuda_sigmoid(wide_t<T> x) {
  if constexpr (std::same_as<T, bfloat16>) {
    return reciprocal_fast(1.0f + exp2_fast(x * -1.44269504f));
  } else {
    return sigmoid(x);
  }
}

}  // namespace pixnerd
