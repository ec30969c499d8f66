// SPDX-License-Identifier: MIT
/// \file
/// Sums and maxima over the threads of a warp or a block, in an order that depends only on their number.
#pragma once

#include <cuda_runtime.h>

namespace pixnerd {

inline constexpr int warp_size = 32;
inline constexpr unsigned whole_warp = 0xffffffffu;

/// The sum over groups of `width` neighboring threads, a power of two up to 32; every thread of a group gets
/// it. All threads of the warp must call it.
template <int width = warp_size, class W>
__device__ inline W warp_sum(W value) {
  static_assert(width > 0 && width <= warp_size && (width & (width - 1)) == 0, "a power of two up to 32");
#pragma unroll
  for (int step = width / 2; step > 0; step /= 2) value += __shfl_xor_sync(whole_warp, value, step);
  return value;
}

/// The largest value over groups of `width` neighboring threads.
template <int width = warp_size, class W>
__device__ inline W warp_max(W value) {
#pragma unroll
  for (int step = width / 2; step > 0; step /= 2) {
    const W other = __shfl_xor_sync(whole_warp, value, step);
    value = other > value ? other : value;
  }
  return value;
}

/// The sum over all threads of a block of whole warps; every thread gets it. All threads must call it.
template <class W>
__device__ inline W block_sum(W value) {
  __shared__ W partial[warp_size];
  const int thread = static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
  const int warps = static_cast<int>(blockDim.x * blockDim.y * blockDim.z) / warp_size;
  const int lane = thread % warp_size;
  value = warp_sum(value);
  __syncthreads();  // results of an earlier call may still be in use
  if (lane == 0) partial[thread / warp_size] = value;
  __syncthreads();
  return warp_sum(lane < warps ? partial[lane] : W(0));
}

}  // namespace pixnerd
