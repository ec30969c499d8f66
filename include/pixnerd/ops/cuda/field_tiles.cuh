// SPDX-License-Identifier: MIT
/// \file
/// Shared parts of the neural field's tensor-core kernels: matrices in shared memory, their columns' norms,
/// fragments.
///
/// Each rounding of an operand to bfloat16 costs accuracy, so factors are applied to float32 results where
/// possible: the columns' factors, 1 / norm, to products with the generated matrices, and in backward the
/// pixels' factors as well.
#pragma once

#include <cmath>
#include <cstdint>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/mma.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/activation.cuh>
#include <pixnerd/ops/field_mlp.hpp>

namespace pixnerd::detail {

/// Rows of matrices in shared memory are padded by 16 bytes, so that eight consecutive rows are in different
/// banks.
inline constexpr int field_pad = 8;

/// The factor of a column from the sum of its squares: 1 / norm, negative where the norm was clamped.
template <class W>
__device__ inline W field_scale(W square) {
  constexpr double smallest = FieldMlpKernel<Cpu>::smallest_norm;
  const W norm = std::sqrt(square);
  return norm > W(smallest) ? W(1) / norm : W(-1 / smallest);
}

/// The factor of a column's projection on itself in the gradient of the generated matrix: the square of the
/// column's factor, or 0 where the clamped norm does not depend on the column.
template <class W>
__device__ inline W field_projection(bool normalized, W scale) {
  return normalized && scale > W(0) ? scale * scale : W(0);
}

/// The offset that a thread passes to load_matrices for a 16 x 16 tile with quarters in the order (0, 0), (8,
/// 0), (0, 8), (8, 8): left operands as stored, right operands transposed.
__device__ inline int rows_first(int lane, int stride) {
  return lane % 16 * stride + lane / 16 * 8;
}
/// The same in the order (0, 0), (0, 8), (8, 0), (8, 8): right operands as stored, left operands transposed.
__device__ inline int columns_first(int lane, int stride) {
  return (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8;
}

/// c += a b for both halves of a 16 x 16 right operand.
__device__ inline void mma_pair(float (&c0)[4], float (&c1)[4], const std::uint32_t (&a)[4],
                                const std::uint32_t (&b)[4]) {
  mma_bfloat16(c0, a, {b[0], b[1]});
  mma_bfloat16(c1, a, {b[2], b[3]});
}

/// The four registers of a 16 x 16 left operand, from two adjacent results.
__device__ inline void pack_operand(std::uint32_t (&a)[4], const float (&c0)[4], const float (&c1)[4]) {
  a[0] = pack_bfloat16(c0[0], c0[1]);
  a[1] = pack_bfloat16(c0[2], c0[3]);
  a[2] = pack_bfloat16(c1[0], c1[1]);
  a[3] = pack_bfloat16(c1[2], c1[3]);
}

/// Two neighboring bfloat16 and floats; their address must be aligned to the pair.
__device__ inline std::uint32_t load_pair(const bfloat16* at) {
  return *reinterpret_cast<const std::uint32_t*>(at);
}
__device__ inline void store_pair(bfloat16* at, std::uint32_t pair) {
  *reinterpret_cast<std::uint32_t*>(at) = pair;
}
__device__ inline float2 load_pair(const float* at) {
  return *reinterpret_cast<const float2*>(at);
}

/// Eight neighboring bfloat16, aligned to 16 bytes.
__device__ inline void load_four(std::uint32_t (&pairs)[4], const bfloat16* at) {
  const auto all = *reinterpret_cast<const uint4*>(at);
  pairs[0] = all.x;
  pairs[1] = all.y;
  pairs[2] = all.z;
  pairs[3] = all.w;
}
__device__ inline void store_four(bfloat16* at, const std::uint32_t (&pairs)[4]) {
  *reinterpret_cast<uint4*>(at) = {pairs[0], pairs[1], pairs[2], pairs[3]};
}

/// Calls body(row, column) for each 16 bytes of a bfloat16 matrix, `columns` a multiple of 8, distributed
/// over the block.
template <class Body>
__device__ inline void for_each_packet(int rows, int columns, Body body) {
  // Divides once instead of for each packet.
  const int threads = static_cast<int>(blockDim.x), packets = columns / 8;
  const int row_step = threads / packets, packet_step = threads % packets;
  const int thread = static_cast<int>(threadIdx.x) / warp_size * warp_size + lane_again();
  int row = thread / packets, packet = thread % packets;
#pragma unroll 1
  while (row < rows) {
    body(row, packet * 8);
    row += row_step;
    packet += packet_step;
    if (packet >= packets) {
      packet -= packets;
      ++row;
    }
  }
}

/// Starts to copy a matrix into shared memory.
__device__ inline void copy_matrix_async(bfloat16* to, int stride, const bfloat16* from, int rows,
                                         int columns) {
  for_each_packet(rows, columns, [=](int row, int column) {
    copy_async(to + row * stride + column, from + row * columns + column);
  });
}

/// Sums each of eight values over the eight threads whose numbers differ in the bits step, 2 step and 4 step.
/// The thread in which those bits are b returns the sum of value b.
template <int step>
__device__ inline float scattered_sum(float (&values)[8]) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
  for (int half = 4; half > 0; half /= 2) {
    const bool upper = (lane & half * step) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float kept = upper ? values[i + half] : values[i], sent = upper ? values[i] : values[i + half];
      values[i] = kept + __shfl_xor_sync(whole_warp, sent, half * step);
    }
  }
  return values[0];
}

/// The factors of 32 columns, starting at `begin`, of a matrix in shared memory. Called by one warp.
__device__ inline void column_scales(float* scale, const bfloat16* matrix, int stride, int rows, int columns,
                                     int begin, bool normalized) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size, column = begin + lane / 8 * 8;
  float squares[8] = {};
  if (normalized && column < columns) {
    for (int row = lane % 8; row < rows; row += 8) {
      std::uint32_t pairs[4];
      load_four(pairs, matrix + row * stride + column);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float first = first_bfloat16(pairs[i]), second = second_bfloat16(pairs[i]);
        squares[2 * i] += first * first;
        squares[2 * i + 1] += second * second;
      }
    }
  }
  const float square = scattered_sum<1>(squares);
  if (column < columns) scale[column + lane % 8] = normalized ? field_scale(square) : 1.0f;
}

/// The factors of all columns of both matrices. Called by all warps; visible after __syncthreads().
__device__ inline void both_column_scales(const FieldSizes& s, float* first_scale, const bfloat16* first,
                                          float* second_scale, const bfloat16* second) {
  const int width = static_cast<int>(s.width), hidden = static_cast<int>(s.hidden);
  const int warps = static_cast<int>(blockDim.x) / warp_size,
            warp = static_cast<int>(threadIdx.x) / warp_size;
  const int first_jobs = (hidden + 31) / 32, jobs = first_jobs + (width + 31) / 32;
  for (int job = warp; job < jobs; job += warps) {
    if (job < first_jobs) {
      column_scales(first_scale, first, hidden + field_pad, width, hidden, job * 32, true);
    } else {
      column_scales(second_scale, second, width + field_pad, hidden, width, (job - first_jobs) * 32,
                    s.normalize_second);
    }
  }
}

}  // namespace pixnerd::detail
