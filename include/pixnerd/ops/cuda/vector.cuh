// SPDX-License-Identifier: MIT
/// \file
/// Shared parts of kernels over rows: neighboring elements in one access of 16 bytes, widened and rounded;
/// indices of rows.
#pragma once

#include <cstdint>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/mma.cuh>

namespace pixnerd {

/// The number of elements of T in an access of 16 bytes.
template <class T>
inline constexpr int packet_width = 16 / static_cast<int>(sizeof(T));

namespace detail {

/// What fit_packets() promises is 16 bytes: more, and GPUs from compute capability 10 on move 32 at a time,
/// from addresses that are multiples of 32 alone.
template <class T, int width>
struct alignas(sizeof(T) * width < 16 ? sizeof(T) * width : 16) Vector {
  T values[width];
};

/// Loads `width` elements from an address that is a multiple of their size or of 16, whichever is less.
template <int width, class T>
__device__ inline void load_wide(const T* from, wide_t<T> (&to)[width]) {
  const Vector<T, width> vector = *reinterpret_cast<const Vector<T, width>*>(from);
#pragma unroll
  for (int j = 0; j < width; ++j) to[j] = static_cast<wide_t<T>>(vector.values[j]);
}

/// The same, or one element repeated if step is 0.
template <int width, class T>
__device__ inline void load_wide(const T* from, std::int64_t step, std::int64_t first,
                                 wide_t<T> (&to)[width]) {
  if (step != 0) {
    load_wide<width>(from + first, to);
  } else {
    const auto value = static_cast<wide_t<T>>(*from);
#pragma unroll
    for (int j = 0; j < width; ++j) to[j] = value;
  }
}

/// Rounds `width` numbers; bfloat16 two at a time, which is one instruction.
template <class T, int width>
__device__ inline Vector<T, width> rounded(const wide_t<T> (&from)[width]) {
  if constexpr (std::same_as<T, bfloat16> && width % 2 == 0) {
    struct Words {
      std::uint32_t words[width / 2];
    } pairs;
#pragma unroll
    for (int j = 0; j < width; j += 2) pairs.words[j / 2] = pack_bfloat16(from[j], from[j + 1]);
    return bit_cast<Vector<T, width>>(pairs);
  } else {
    Vector<T, width> out;
#pragma unroll
    for (int j = 0; j < width; ++j) out.values[j] = static_cast<T>(from[j]);
    return out;
  }
}

/// Writes or adds `width` elements starting at i, rounded once.
template <int width, class T>
__device__ inline void put_wide(const GradTarget<T>& to, std::int64_t i, wide_t<T> (&values)[width]) {
  if (to.add) {
    wide_t<T> before[width];
    load_wide<width>(static_cast<const T*>(to.data) + i, before);
#pragma unroll
    for (int j = 0; j < width; ++j) values[j] += before[j];
  }
  *reinterpret_cast<Vector<T, width>*>(to.data + i) = rounded<T, width>(values);
}

struct Division {
  std::int64_t quotient, remainder;
};

/// Division of nonnegative numbers. 32-bit division is several times as fast as 64-bit division.
__device__ inline Division divide(std::int64_t i, std::int64_t by) {
  if (((i | by) >> 32) == 0) {
    const auto dividend = static_cast<std::uint32_t>(i), divisor = static_cast<std::uint32_t>(by);
    const std::uint32_t quotient = dividend / divisor;
    return {quotient, dividend - quotient * divisor};
  }
  const std::int64_t quotient = i / by;
  return {quotient, i - quotient * by};
}

/// Whether all pointers are multiples of 16 bytes.
template <class... T>
bool fit_packets(const T*... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) | ...) & 15) == 0;
}

/// The smallest power of two that is at least n, at most 2^30.
inline int power_of_two(std::int64_t n) {
  int power = 1;
  while (power < n && power < (1 << 30)) power *= 2;
  return power;
}

/// The index of this thread in a one-dimensional grid.
__device__ inline std::int64_t thread_index() {
  return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}

}  // namespace detail
}  // namespace pixnerd
