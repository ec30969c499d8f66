// SPDX-License-Identifier: MIT
/// \file
/// Hardware instructions that C++ does not offer: products of small bfloat16 matrices on tensor cores, loads
/// of their fragments, asynchronous copies into shared memory, fast approximations of functions. The only
/// file with PTX.
///
/// A fragment is distributed over the 32 threads of a warp. Thread l has group g = l / 4 and position p = l %
/// 4; a register holds two bfloat16, the lower half first:
///   A (16 x 16, row-major)   a[0]: (g, 2p..2p+1)  a[1]: (g+8, 2p..)  a[2]: (g, 2p+8..)  a[3]: (g+8, 2p+8..)
///   B (16 x 8)               b[0]: (2p..2p+1, g)   b[1]: (2p+8.., g)
///   C (16 x 8, float)        c[0], c[1]: (g, 2p), (g, 2p+1)            c[2], c[3]: (g+8, 2p), (g+8, 2p+1)
/// All threads of a warp must call the functions for fragments together.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include <pixnerd/core/bfloat16.hpp>

namespace pixnerd {

/// Two floats rounded to nearest bfloat16, the first in the lower half.
__device__ inline std::uint32_t pack_bfloat16(float first, float second) {
  std::uint32_t out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(second), "f"(first));
  return out;
}

/// The two halves of a register as floats.
__device__ inline float first_bfloat16(std::uint32_t pair) {
  return __uint_as_float(pair << 16);
}
__device__ inline float second_bfloat16(std::uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}

/// C += A B, 16 x 8 with an inner dimension of 16, summed in float.
__device__ inline void mma_bfloat16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// Four 8 x 8 matrices of bfloat16 from shared memory: threads 8i ... 8i+7 pass the addresses of the eight
/// rows, 16 bytes each, of matrix i. Thread l gets element (l / 4, 2 (l % 4)) of matrix i and the next one in
/// r[i].
__device__ inline void load_matrices(std::uint32_t (&r)[4], const bfloat16* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

/// The same with each matrix transposed: thread l gets elements (2 (l % 4), l / 4) and (2 (l % 4) + 1, l /
/// 4).
__device__ inline void load_matrices_transposed(std::uint32_t (&r)[4], const bfloat16* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

/// Starts to copy 16 bytes from global to shared memory, both aligned to 16. If not `valid`, reads nothing
/// and writes zeros. Visible after wait_copies() and __syncthreads().
__device__ inline void copy_async(void* shared, const void* global, bool valid = true) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global), "r"(bytes)
               : "memory");
}

/// Closes a group of copies.
__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until all but the newest `pending` groups of this thread are complete.
template <int pending>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// 2^x within 2 units in the last place; very small results are 0.
__device__ inline float exp2_fast(float x) {
  float out;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
}

/// 1 / x within 1 unit in the last place.
__device__ inline float reciprocal_fast(float x) {
  float out;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
}

/// The thread's number in its warp, read again: what depends on it is recomputed afterward, not kept in
/// registers.
__device__ inline int lane_again() {
  int lane;
  asm volatile("mov.u32 %0, %%laneid;" : "=r"(lane));
  return lane;
}

/// 1 / sqrt(x) within 2 units in the last place.
__device__ inline float reciprocal_root_fast(float x) {
  float out;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
}

}  // namespace pixnerd
