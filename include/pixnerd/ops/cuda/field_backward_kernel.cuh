// SPDX-License-Identifier: MIT
/// \file
/// The neural field backward on tensor cores: the kernel, and the step from gradients of normalized matrices
/// to those of the generated ones.
#pragma once

#include <pixnerd/ops/cuda/field_backward.cuh>

namespace pixnerd::detail {

/// Turns the sums over all pixels into the gradients of the generated matrices, which overwrite these in
/// shared memory, and of the norm's weights, one row of `grad_weights` per patch. With N a normalized matrix,
/// s the factors of its columns and G the gradient of N, that of the generated matrix is s (G - N (column
/// sums of N G)).
template <int width>
__device__ inline void field_matrix_gradients(const NeuralFieldBlock<width>& block, bool normalize_second,
                                              const float* norm_weight, float (&first_sum)[width / 8][4],
                                              float (&second_sum)[width / 8][4], float* grad_weights) {
  constexpr int steps = width / 16, stride = NeuralFieldBlock<width>::stride;
  const int lane = lane_again(), group = lane / 4, pair = lane % 4 * 2, unit = block.warp * 16 + group;
  // Sums over a warp's units, first for the norm's weights, then for the second matrix's columns. They
  // overwrite the pixels, which are no longer needed.
  float* const partial = reinterpret_cast<float*>(block.pixels);
  float along[2] = {};
#pragma unroll
  for (int k = 0; k < steps; k += 2) {
    float weight_sums[8] = {}, column_sums[8] = {};
#pragma unroll
    for (int k2 = 0; k2 < 2 && k + k2 < steps; ++k2) {
      std::uint32_t first[4], second[4];
      block.load_first(first, lane, k + k2);
      block.load_second(second, lane, k + k2);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // The same element order as in the operands: i % 2 is the half of the units, i / 2 that of the
        // features.
        const int j = 2 * (k + k2) + i / 2, to = 4 * k2 + i / 2 * 2;
        const float2 weight = load_pair(norm_weight + j * 8 + pair);
        float &a = first_sum[j][i % 2 * 2], &b = first_sum[j][i % 2 * 2 + 1];
        weight_sums[to] += first_bfloat16(first[i]) * a;
        weight_sums[to + 1] += second_bfloat16(first[i]) * b;
        a *= weight.x;
        b *= weight.y;
        along[i % 2] += first_bfloat16(first[i]) * a + second_bfloat16(first[i]) * b;
        column_sums[to] += first_bfloat16(second[i]) * second_sum[j][i % 2 * 2];
        column_sums[to + 1] += second_bfloat16(second[i]) * second_sum[j][i % 2 * 2 + 1];
      }
    }
    const float weight_sum = scattered_sum<4>(weight_sums), column_sum = scattered_sum<4>(column_sums);
    const int column = k * 16 + group / 2 * 8 + pair + group % 2;
    if (column < width) {
      partial[block.warp * 2 * width + column] = weight_sum;
      partial[block.warp * 2 * width + width + column] = column_sum;
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half)
    along[half] = warp_sum<4>(along[half]) * field_projection(true, block.first_scale[unit + half * 8]);
#pragma unroll
  for (int k = 0; k < steps; ++k) {
    std::uint32_t first[4];
    block.load_first(first, lane, k);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float* const sum = first_sum[2 * k + i / 2] + i % 2 * 2;
      bfloat16* const to = block.first + (k * 16 + i / 2 * 8 + pair) * block.hidden_stride + unit + i % 2 * 8;
      to[0] = bfloat16(sum[0] - first_bfloat16(first[i]) * along[i % 2]);
      to[block.hidden_stride] = bfloat16(sum[1] - second_bfloat16(first[i]) * along[i % 2]);
    }
  }
  __syncthreads();
  const int threads = static_cast<int>(blockDim.x);
  for (int column = static_cast<int>(threadIdx.x); column < 2 * width; column += threads) {
    float sum = 0;
    for (int warp = 0; warp < threads / warp_size; ++warp) sum += partial[warp * 2 * width + column];
    if (column < width) {
      grad_weights[column] = sum;
    } else {
      partial[column] = normalize_second && block.second_scale[column - width] > 0 ? sum : 0.0f;
    }
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < steps; ++k) {
    std::uint32_t second[4];
    block.load_second(second, lane, k);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int column = k * 16 + i / 2 * 8 + pair;
      const float2 scale = load_pair(block.second_scale + column), sums = load_pair(partial + width + column);
      const float* const sum = second_sum[2 * k + i / 2] + i % 2 * 2;
      store_pair(block.second + (unit + i % 2 * 8) * stride + column,
                 pack_bfloat16(std::abs(scale.x) * (sum[0] - first_bfloat16(second[i]) * sums.x),
                               std::abs(scale.y) * (sum[1] - second_bfloat16(second[i]) * sums.y)));
    }
  }
  __syncwarp();
}

/// A block handles one patch, each of its warps 16 hidden units. Shared memory holds the matrices and up to
/// 128 pixels. For each such piece, every warp recomputes its units of the hidden layer, transposed, so that
/// results can be used as left operands directly, and sums its units' part of both matrices' gradients in
/// registers, from the first pixel to the last. Then each warp completes the gradient of 16 pixels. The
/// gradient of the norm's weights needs no separate sum over pixels: it follows from that of the first
/// matrix.
template <int width>
__global__ void __launch_bounds__(2 * field_backward_most_hidden(width), 1)
    field_backward_kernel(FieldSizes s, int rows, float epsilon, const bfloat16* x, const bfloat16* theta,
                          const float* norm_weight, const bfloat16* grad_y, GradTarget<bfloat16> grad_x,
                          GradTarget<bfloat16> grad_theta, float* grad_weights) {
  constexpr int stride = NeuralFieldBlock<width>::stride;
  const NeuralFieldBlock<width> block(static_cast<int>(s.hidden), rows);
  const std::int64_t patch = blockIdx.x, features = patch * s.pixels * width;
  const std::int64_t weights = patch * 2 * width * s.hidden;
  x += features;
  grad_y += features;
  if (grad_x.data != nullptr) grad_x.data += features;

  const int pixels = static_cast<int>(s.pixels);
  const auto fetch = [&](int pixel) {
    const int own = pixel + block.warp * 16;
    if (block.warp * 16 < rows && own < pixels)
      block.fetch(pixels - own, x + own * width, grad_y + own * width);
    commit_copies();
  };

  copy_matrix_async(block.first, block.hidden_stride, theta + weights, width, block.hidden);
  copy_matrix_async(block.second, stride, theta + weights + width * s.hidden, block.hidden, width);
  commit_copies();
  fetch(0);
  wait_copies<1>();
  __syncthreads();
  both_column_scales(s, block.first_scale, block.first, block.second_scale, block.second);
  __syncthreads();
  if (s.normalize_second) block.normalize_second();

  float first_sum[width / 8][4] = {}, second_sum[width / 8][4] = {};
#pragma unroll 1
  for (int pixel = 0; pixel < pixels; pixel += rows) {
    const int left = pixels - pixel, tiles = left < rows ? (left + 15) / 16 : rows / 16;
    wait_copies<0>();
    __syncwarp();
    if (block.warp < tiles) block.measure(left - block.warp * 16, epsilon);
    __syncthreads();
    block.hidden_pass(norm_weight, tiles, first_sum, second_sum);
    __syncthreads();
    if (grad_x.data != nullptr && block.warp < tiles) {
      const int own = pixel + block.warp * 16;
      block.pixel_pass(pixels - own, norm_weight, {grad_x.data + own * width, grad_x.add});
    }
    // A warp prefetches the pixels whose gradient it completes, so it may do so while other warps still
    // complete theirs.
    fetch(pixel + rows);
  }
  if (grad_weights == nullptr) return;
  __syncthreads();
  field_matrix_gradients<width>(block, s.normalize_second, norm_weight, first_sum, second_sum,
                                grad_weights + patch * width);
  if (grad_theta.data == nullptr) return;
  // Each warp writes its own units: 32 bytes of each row of the first matrix, whole rows of the second.
  const int lane = lane_again();
#pragma unroll 1
  for (int row = lane / 2; row < width; row += 16) {
    const int column = block.warp * 16 + lane % 2 * 8;
    NeuralFieldBlock<width>::put_packet(grad_theta, weights + row * block.hidden + column,
                                        block.first + row * block.hidden_stride + column);
  }
#pragma unroll 1
  for (int i = lane; i < 16 * width / 8; i += warp_size) {
    const int row = block.warp * 16 + i / (width / 8), column = i % (width / 8) * 8;
    NeuralFieldBlock<width>::put_packet(grad_theta, weights + (block.hidden + row) * width + column,
                                        block.second + row * stride + column);
  }
}

}  // namespace pixnerd::detail
