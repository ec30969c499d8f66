// SPDX-License-Identifier: MIT
/// \file
/// The neural field forward on tensor cores.
#pragma once

#include <pixnerd/ops/cuda/field_tiles.cuh>

namespace pixnerd::detail {

inline constexpr int field_forward_warps = 4;

/// Shared memory of the forward kernel: both matrices, two tiles of pixels per warp, the columns' factors. F
/// = 64, hidden width 128: 55,040 bytes, so four blocks fit on a multiprocessor of an H100.
constexpr std::int64_t field_forward_bytes(std::int64_t width, std::int64_t hidden) {
  return 2 * (width * (hidden + field_pad) + hidden * (width + field_pad) +
              field_forward_warps * 2 * 16 * (width + field_pad)) +
         4 * (hidden + width);
}

/// A block handles one patch and holds its matrices in shared memory. Each warp handles tiles of 16 pixels in
/// turn and prefetches the next one. The normalized pixels stay in registers as a left operand; the hidden
/// layer exists for 16 units at a time, as the result of one product and the left operand of the next.
template <int width>
__global__ void __launch_bounds__(32 * field_forward_warps, width <= 32   ? 6
                                                            : width <= 64 ? 4
                                                                          : 1)
    field_forward_kernel(FieldSizes s, float epsilon, const bfloat16* x, const bfloat16* theta,
                         const float* norm_weight, bfloat16* y) {
  constexpr int stride = width + field_pad, steps = width / 16, packets = width / 8;
  const int hidden = static_cast<int>(s.hidden), hidden_stride = hidden + field_pad;
  const int warp = static_cast<int>(threadIdx.x) / warp_size, pixels = static_cast<int>(s.pixels);

  bfloat16* const first = dynamic_shared<bfloat16>();
  bfloat16* const second = first + width * hidden_stride;
  bfloat16* const tiles = second + hidden * stride + warp * 2 * 16 * stride;
  float* const first_scale =
      reinterpret_cast<float*>(second + hidden * stride + field_forward_warps * 2 * 16 * stride);
  float* const second_scale = first_scale + hidden;

  const std::int64_t patch = blockIdx.x;
  x += patch * s.pixels * width;
  y += patch * s.pixels * width;
  theta += patch * 2 * width * hidden;

  copy_matrix_async(first, hidden_stride, theta, width, hidden);
  copy_matrix_async(second, stride, theta + width * hidden, hidden, width);
  commit_copies();
  const auto fetch = [&](int pixel, bfloat16* tile) {
    const int lane = lane_again();
#pragma unroll
    for (int i = lane; i < 16 * packets; i += warp_size) {
      const int row = i / packets, column = i % packets * 8;
      copy_async(tile + row * stride + column, x + (pixel + row) * width + column, pixel + row < pixels);
    }
    commit_copies();
  };
  fetch(warp * 16, tiles);
  wait_copies<1>();
  __syncthreads();
  both_column_scales(s, first_scale, first, second_scale, second);
  __syncthreads();

  int turn = 0;
#pragma unroll 1
  for (int pixel = warp * 16; pixel < pixels; pixel += 16 * field_forward_warps, turn ^= 1) {
    bfloat16* const tile = tiles + turn * 16 * stride;
    fetch(pixel + 16 * field_forward_warps, tiles + (turn ^ 1) * 16 * stride);
    wait_copies<1>();
    __syncwarp();
    const int lane = lane_again(), group = lane / 4, pair = lane % 4 * 2;

    std::uint32_t normed[steps][4];
    float squares[2] = {};
#pragma unroll
    for (int k = 0; k < steps; ++k) {
      load_matrices(normed[k], tile + rows_first(lane, stride) + k * 16);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float a = first_bfloat16(normed[k][i]), b = second_bfloat16(normed[k][i]);
        squares[i % 2] += a * a + b * b;
      }
    }
#pragma unroll
    for (float& square : squares)
      square = reciprocal_root_fast(warp_sum<4>(square) * (1.0f / width) + epsilon);
#pragma unroll
    for (int k = 0; k < steps; ++k) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 weight = load_pair(norm_weight + k * 16 + half * 8 + pair);
#pragma unroll
        for (int row = 0; row < 2; ++row) {
          std::uint32_t& both = normed[k][half * 2 + row];
          both = pack_bfloat16(first_bfloat16(both) * squares[row] * weight.x,
                               second_bfloat16(both) * squares[row] * weight.y);
        }
      }
    }

    float sum[2 * steps][4] = {};
#pragma unroll 2
    for (int unit = 0; unit < hidden; unit += 16) {
      float active[2][4] = {};
      std::uint32_t right[4], left[4];
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices_transposed(right,
                                 first + k * 16 * hidden_stride + unit + rows_first(lane, hidden_stride));
        mma_pair(active[0], active[1], normed[k], right);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 scale = load_pair(first_scale + unit + half * 8 + pair);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float h = active[half][i] * std::abs(i % 2 == 0 ? scale.x : scale.y);
          active[half][i] = h * cuda_sigmoid<bfloat16>(h);
        }
      }
      pack_operand(left, active[0], active[1]);
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices_transposed(right, second + unit * stride + k * 16 + rows_first(lane, stride));
        mma_pair(sum[2 * k], sum[2 * k + 1], left, right);
      }
    }

    // The result overwrites the pixels in shared memory, so that it is written 16 bytes at a time.
#pragma unroll
    for (int j = 0; j < 2 * steps; ++j) {
      const float2 scale = load_pair(second_scale + j * 8 + pair);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        bfloat16* const at = tile + (group + half * 8) * stride + j * 8 + pair;
        const std::uint32_t old = load_pair(at);
        store_pair(at, pack_bfloat16(first_bfloat16(old) + sum[j][2 * half] * std::abs(scale.x),
                                     second_bfloat16(old) + sum[j][2 * half + 1] * std::abs(scale.y)));
      }
    }
    __syncwarp();
#pragma unroll
    for (int i = lane; i < 16 * packets; i += warp_size) {
      const int row = i / packets, column = i % packets * 8;
      if (pixel + row < pixels) {
        *reinterpret_cast<uint4*>(y + (pixel + row) * width + column) =
            *reinterpret_cast<const uint4*>(tile + row * stride + column);
      }
    }
    __syncwarp();
  }
  wait_copies<0>();
}

}  // namespace pixnerd::detail
