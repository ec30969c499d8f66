// SPDX-License-Identifier: MIT
/// \file
/// Stands in for pixnerd/cuda/mma.cuh in emulation: the same functions, from the definition of their
/// fragments.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include <cuda_runtime.h>

#include <pixnerd/core/bfloat16.hpp>
#include <pixnerd/core/bit_cast.hpp>

namespace pixnerd {

inline std::uint32_t pack_bfloat16(float first, float second) {
  return bfloat16(first).bits | std::uint32_t{bfloat16(second).bits} << 16;
}
inline float first_bfloat16(std::uint32_t pair) {
  return bit_cast<float>(pair << 16);
}
inline float second_bfloat16(std::uint32_t pair) {
  return bit_cast<float>(pair & 0xffff0000u);
}

inline void mma_bfloat16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  struct Registers {
    std::uint32_t a[4], b[2];
  };
  Registers mine;
  std::memcpy(mine.a, a, sizeof mine.a);
  std::memcpy(mine.b, b, sizeof mine.b);
  const unsigned lane = emulation::current_thread->linear % emulation::lanes;
  emulation::with_warp(0xffffffffu, mine, [&](auto of) {
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      float sum = 0;
      for (unsigned k = 0; k < 16; ++k) {
        const Registers row_owner = of(row % 8 * 4 + k % 8 / 2);
        const Registers column_owner = of(column * 4 + k % 8 / 2);
        const std::uint32_t left = row_owner.a[row / 8 + 2 * (k / 8)], right = column_owner.b[k / 8];
        sum += k % 2 == 0 ? first_bfloat16(left) * first_bfloat16(right)
                          : second_bfloat16(left) * second_bfloat16(right);
      }
      c[i] += sum;
    }
    return 0;
  });
}

namespace detail {
inline void load_matrices(std::uint32_t (&r)[4], const bfloat16* row, bool transposed) {
  const unsigned lane = emulation::current_thread->linear % emulation::lanes;
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
    throw std::runtime_error("emulated kernel: a row off 16 bytes");
  emulation::with_warp(0xffffffffu, row, [&](auto of) {
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned a = lane / 4, b = 2 * (lane % 4);
      const bfloat16 first = transposed ? of(8 * i + b)[a] : of(8 * i + a)[b];
      const bfloat16 second = transposed ? of(8 * i + b + 1)[a] : of(8 * i + a)[b + 1];
      r[i] = first.bits | std::uint32_t{second.bits} << 16;
    }
    return 0;
  });
  // Nobody may change the rows before all have read them.
  __syncwarp();
}
}  // namespace detail

inline void load_matrices(std::uint32_t (&r)[4], const bfloat16* row) {
  detail::load_matrices(r, row, false);
}
inline void load_matrices_transposed(std::uint32_t (&r)[4], const bfloat16* row) {
  detail::load_matrices(r, row, true);
}

inline void copy_async(void* shared, const void* global, bool valid = true) {
  if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0 ||
      (valid && reinterpret_cast<std::uintptr_t>(global) % 16 != 0)) {
    throw std::runtime_error("emulated kernel: an asynchronous copy off 16 bytes");
  }
  const emulation::Copy copy{shared, valid ? global : nullptr};
  if (emulation::runs_in_reverse()) return emulation::arrive(copy);
  emulation::current_thread->copies.push_back(copy);
}
inline void commit_copies() {
  auto& thread = *emulation::current_thread;
  thread.groups.push_back(std::move(thread.copies));
  thread.copies.clear();
}
template <int pending>
void wait_copies() {
  emulation::wait_copies(pending);
}

inline float exp2_fast(float x) {
  return std::exp2(x);
}
inline float reciprocal_fast(float x) {
  return 1.0f / x;
}

inline int lane_again() {
  return static_cast<int>(emulation::current_thread->linear % emulation::lanes);
}
inline float reciprocal_root_fast(float x) {
  return 1.0f / std::sqrt(x);
}

}  // namespace pixnerd
