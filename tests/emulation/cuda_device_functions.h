// SPDX-License-Identifier: MIT
/// \file
/// The device side of CUDA, on the CPU: qualifiers, indices, barriers, warp functions, atomics. See
/// emulator.hpp.
#pragma once

#include <type_traits>

#include "emulator.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local
#define __align__(n) alignas(n)

#define threadIdx (::emulation::current_thread->index)
#define blockIdx (::emulation::current_block->index)
#define blockDim (::emulation::current_block->size)
#define gridDim (::emulation::current_block->grid)

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};

inline void __syncthreads() {
  emulation::meet(emulation::current_block->barrier, [] { return emulation::current_block->live; });
}
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  emulation::with_warp(mask, 0, [](auto) { return 0; });
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int = 32) {
  const unsigned lane = emulation::current_thread->linear % emulation::lanes;
  return emulation::with_warp(mask, value,
                              [&](auto from) { return from(lane ^ static_cast<unsigned>(lane_mask)); });
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const unsigned lane = emulation::current_thread->linear % emulation::lanes;
  const auto w = static_cast<unsigned>(width);
  return emulation::with_warp(
      mask, value, [&](auto from) { return from(lane / w * w + static_cast<unsigned>(source) % w); });
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int = 32) {
  const unsigned lane = emulation::current_thread->linear % emulation::lanes;
  return emulation::with_warp(mask, value,
                              [&](auto from) { return from(lane + delta < 32 ? lane + delta : lane); });
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int = 32) {
  const unsigned lane = emulation::current_thread->linear % emulation::lanes;
  return emulation::with_warp(mask, value,
                              [&](auto from) { return from(lane >= delta ? lane - delta : lane); });
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return emulation::with_warp(mask, predicate, [&](auto from) {
    unsigned out = 0;
    for (unsigned lane = 0; lane < emulation::lanes; ++lane) {
      if ((mask >> lane & 1u) != 0 && from(lane) != 0) out |= 1u << lane;
    }
    return out;
  });
}
inline int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}
inline float __uint_as_float(unsigned bits) {
  return __builtin_bit_cast(float, bits);
}
inline unsigned __float_as_uint(float value) {
  return __builtin_bit_cast(unsigned, value);
}
inline int __ffs(int bits) {
  return __builtin_ffs(bits);
}
inline void __threadfence() {}

/// Blocks run on several threads: integers only, where the order does not matter.
template <class T>
T atomicAdd(T* at, T value) {
  static_assert(std::is_integral_v<T>, "a sum of floating-point numbers by atomics has no fixed order");
  return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
}
template <class T>
T atomicMin(T* at, T value) {
  T before = __atomic_load_n(at, __ATOMIC_SEQ_CST);
  while (value < before &&
         !__atomic_compare_exchange_n(at, &before, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return before;
}
template <class T>
T atomicMax(T* at, T value) {
  T before = __atomic_load_n(at, __ATOMIC_SEQ_CST);
  while (value > before &&
         !__atomic_compare_exchange_n(at, &before, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return before;
}
