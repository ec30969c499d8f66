// SPDX-License-Identifier: MIT
/// \file
/// The sigmoid in kernels. For bfloat16 results the GPU's approximate exponential and reciprocal, one
/// instruction each, are accurate enough; wider types use the formula of the CPU.
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
