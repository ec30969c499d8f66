// SPDX-License-Identifier: MIT
/// \file
/// The neural field backward on tensor cores.
#pragma once

#include <algorithm>

#include <pixnerd/ops/cuda/field_tiles.cuh>

namespace pixnerd::detail {

/// Warps of a backward block: one per 16 hidden units. The matrices' gradients are summed in two registers
/// per hidden unit and feature, which limits the hidden units of a block.
constexpr std::int64_t field_backward_warps(std::int64_t hidden) {
  return hidden / 16;
}
constexpr std::int64_t field_backward_most_hidden(std::int64_t width) {
  return width <= 64 ? 256 : 128;
}

/// Shared memory of the backward kernel: both matrices; pixels and gradients; gradients of the hidden layer;
/// factors. F = 64, hidden width 128, 128 or more pixels: 108,800 bytes, so two blocks of eight warps fit on
/// a multiprocessor of an H100.
constexpr std::int64_t field_backward_bytes(std::int64_t width, std::int64_t hidden, std::int64_t rows) {
  return 2 * (width * (hidden + field_pad) + hidden * (width + field_pad) + 2 * rows * (width + field_pad) +
              hidden * (rows + field_pad)) +
         4 * (hidden + width + rows);
}

/// Pixels that a backward block holds at a time: 16 per warp and at most 128, fewer if shared memory is
/// small, 0 if it is too small for any.
constexpr std::int64_t field_backward_rows(const FieldSizes& s, std::int64_t most_shared) {
  std::int64_t rows =
      std::min({s.hidden, std::int64_t{128}, std::max<std::int64_t>(16, (s.pixels + 15) / 16 * 16)});
  while (rows > 0 && field_backward_bytes(s.width, s.hidden, rows) > most_shared) rows -= 16;
  return rows;
}

/// The working set of a backward block.
template <int width>
struct NeuralFieldBlock {
  static constexpr int stride = width + field_pad, steps = width / 16, packets = width / 8;

  int hidden, hidden_stride, rows, rows_stride, warp;
  bfloat16 *first, *second;  // width x hidden, hidden x width
  bfloat16* pixels;          // tiles of 16 x width, each followed by one of incoming gradients
  bfloat16* grad_hidden;     // hidden x rows
  float *first_scale, *second_scale, *inverse_rms;

  __device__ NeuralFieldBlock(int hidden_, int rows_)
      : hidden(hidden_),
        hidden_stride(hidden_ + field_pad),
        rows(rows_),
        rows_stride(rows_ + field_pad),
        warp(static_cast<int>(threadIdx.x) / warp_size),
        first(dynamic_shared<bfloat16>()),
        second(first + width * hidden_stride),
        pixels(second + hidden * stride),
        grad_hidden(pixels + 2 * rows * stride),
        first_scale(reinterpret_cast<float*>(grad_hidden + hidden * rows_stride)),
        second_scale(first_scale + hidden),
        inverse_rms(second_scale + width) {}

  /// This warp's 16 hidden units of the first matrix, transposed, as a left operand: features [16 k, 16 k +
  /// 16).
  __device__ void load_first(std::uint32_t (&a)[4], int lane, int k) const {
    load_matrices_transposed(a,
                             first + k * 16 * hidden_stride + warp * 16 + columns_first(lane, hidden_stride));
  }
  /// The same of the second matrix, not transposed.
  __device__ void load_second(std::uint32_t (&a)[4], int lane, int k) const {
    load_matrices(a, second + warp * 16 * stride + k * 16 + rows_first(lane, stride));
  }

  /// Divides the columns of the second matrix by their norms.
  __device__ void normalize_second() const {
    for_each_packet(hidden, width, [this](int row, int column) {
      std::uint32_t values[4];
      load_four(values, second + row * stride + column);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float2 scale = load_pair(second_scale + column + 2 * i);
        values[i] = pack_bfloat16(first_bfloat16(values[i]) * std::abs(scale.x),
                                  second_bfloat16(values[i]) * std::abs(scale.y));
      }
      store_four(second + row * stride + column, values);
    });
  }

  /// Starts to copy this warp's 16 pixels and their gradients. `valid` of them exist; the rest become zero.
  __device__ void fetch(int valid, const bfloat16* x, const bfloat16* grad_y) const {
    const int lane = lane_again();
#pragma unroll
    for (int i = lane; i < 16 * packets; i += warp_size) {
      const int row = i / packets, column = i % packets * 8;
      bfloat16* const to = pixels + (warp * 32 + row) * stride + column;
      copy_async(to, x + row * width + column, row < valid);
      copy_async(to + 16 * stride, grad_y + row * width + column, row < valid);
    }
  }

  /// One over the root mean square of this warp's pixels; 0 for those that do not exist.
  __device__ void measure(int valid, float epsilon) const {
    // The number of threads per row is the next power of two.
    constexpr int threads = packets <= 2 ? 2 : packets <= 4 ? 4 : packets <= 8 ? 8 : 16;
    const int lane = lane_again(), column = lane % threads * 8;
#pragma unroll
    for (int step = 0; step < 16; step += warp_size / threads) {
      const int row = step + lane / threads;
      std::uint32_t x[4] = {};
      if (column < width) load_four(x, pixels + (warp * 32 + row) * stride + column);
      float square = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i)
        square += first_bfloat16(x[i]) * first_bfloat16(x[i]) + second_bfloat16(x[i]) * second_bfloat16(x[i]);
      square = warp_sum<threads>(square) * (1.0f / width) + epsilon;
      if (column == 0) inverse_rms[warp * 16 + row] = row < valid ? reciprocal_root_fast(square) : 0.0f;
    }
  }

  /// Processes all pixels held, for this warp's hidden units. Writes the hidden layer's gradient, times the
  /// first matrix's factors and divided by the pixels' root mean square, to shared memory. Adds the
  /// normalized matrices' gradients (units x features) to the sums, that of the first still without the
  /// norm's weights. Pixels and their gradients are used as operands directly, so they are not rounded.
  __device__ void hidden_pass(const float* norm_weight, int tiles, float (&first_sum)[2 * steps][4],
                              float (&second_sum)[2 * steps][4]) const {
    const int lane = lane_again(), group = lane / 4, pair = lane % 4 * 2;
    // If registers are scarce, the second matrix is read from shared memory again for each tile.
    constexpr bool keep_second = width % 64 != 0;
    std::uint32_t left_first[steps][4], left_second[steps][4];
#pragma unroll
    for (int k = 0; k < steps; ++k) {
      load_first(left_first[k], lane, k);
      if constexpr (keep_second) load_second(left_second[k], lane, k);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float2 weight = load_pair(norm_weight + k * 16 + i / 2 * 8 + pair);
        left_first[k][i] = pack_bfloat16(first_bfloat16(left_first[k][i]) * weight.x,
                                         second_bfloat16(left_first[k][i]) * weight.y);
      }
    }
    const float scales[2] = {std::abs(first_scale[warp * 16 + group]),
                             std::abs(first_scale[warp * 16 + group + 8])};
#pragma unroll 1
    for (int tile = 0; tile < tiles; ++tile) {
      const bfloat16 *const x = pixels + tile * 32 * stride, *const g = x + 16 * stride;
      float active[2][4] = {}, slope[2][4] = {};  // units x pixels
      std::uint32_t right[4];
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices(right, x + k * 16 + columns_first(lane, stride));
        mma_pair(active[0], active[1], left_first[k], right);
        load_matrices(right, g + k * 16 + columns_first(lane, stride));
        if constexpr (!keep_second) load_second(left_second[k], lane, k);
        mma_pair(slope[0], slope[1], left_second[k], right);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 inverse = load_pair(inverse_rms + tile * 16 + half * 8 + pair);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float factor = scales[i / 2] * (i % 2 == 0 ? inverse.x : inverse.y);
          const float h = active[half][i] * factor, gate = cuda_sigmoid<bfloat16>(h);
          active[half][i] = h * gate;
          slope[half][i] *= silu_slope(h, gate) * factor;
        }
      }
      std::uint32_t left_active[4], left_grad[4];
      pack_operand(left_active, active[0], active[1]);
      pack_operand(left_grad, slope[0], slope[1]);
      bfloat16* const to = grad_hidden + (warp * 16 + group) * rows_stride + tile * 16 + pair;
      store_pair(to, left_grad[0]);
      store_pair(to + 8 * rows_stride, left_grad[1]);
      store_pair(to + 8, left_grad[2]);
      store_pair(to + 8 * rows_stride + 8, left_grad[3]);
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices_transposed(right, x + k * 16 + rows_first(lane, stride));
        mma_pair(first_sum[2 * k], first_sum[2 * k + 1], left_grad, right);
        load_matrices_transposed(right, g + k * 16 + rows_first(lane, stride));
        mma_pair(second_sum[2 * k], second_sum[2 * k + 1], left_active, right);
      }
    }
  }

  /// The gradient of this warp's pixels, of which `valid` exist. It overwrites the incoming gradient.
  __device__ void pixel_pass(int valid, const float* norm_weight, GradTarget<bfloat16> grad_x) const {
    const int lane = lane_again(), group = lane / 4, pair = lane % 4 * 2;
    bfloat16 *const own = pixels + warp * 32 * stride, *const own_grad = own + 16 * stride;
    float sum[2 * steps][4] = {};
#pragma unroll 2
    for (int unit = 0; unit < hidden; unit += 16) {
      std::uint32_t left[4], right[4];
      load_matrices_transposed(
          left, grad_hidden + unit * rows_stride + warp * 16 + columns_first(lane, rows_stride));
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices(right, first + k * 16 * hidden_stride + unit + columns_first(lane, hidden_stride));
        mma_pair(sum[2 * k], sum[2 * k + 1], left, right);
      }
    }

    float along[2] = {};
#pragma unroll
    for (int j = 0; j < 2 * steps; ++j) {
      const float2 weight = load_pair(norm_weight + j * 8 + pair);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t value = load_pair(own + (group + half * 8) * stride + j * 8 + pair);
        sum[j][2 * half] *= weight.x;
        sum[j][2 * half + 1] *= weight.y;
        along[half] +=
            sum[j][2 * half] * first_bfloat16(value) + sum[j][2 * half + 1] * second_bfloat16(value);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float inverse = inverse_rms[warp * 16 + group + half * 8];
      along[half] = warp_sum<4>(along[half]) * inverse * inverse * (1.0f / width);
    }
#pragma unroll
    for (int j = 0; j < 2 * steps; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int at = (group + half * 8) * stride + j * 8 + pair;
        const std::uint32_t value = load_pair(own + at), grad = load_pair(own_grad + at);
        store_pair(own_grad + at,
                   pack_bfloat16(
                       first_bfloat16(grad) + sum[j][2 * half] - first_bfloat16(value) * along[half],
                       second_bfloat16(grad) + sum[j][2 * half + 1] - second_bfloat16(value) * along[half]));
      }
    }
    __syncwarp();
#pragma unroll 1
    for (int i = lane; i < 16 * packets && i / packets < valid; i += warp_size) {
      const int row = i / packets, column = i % packets * 8;
      put_packet(grad_x, row * width + column, own_grad + row * stride + column);
    }
    __syncwarp();
  }

  /// Writes or adds eight elements.
  static __device__ void put_packet(GradTarget<bfloat16> target, std::int64_t at, const bfloat16* from) {
    std::uint32_t values[4];
    load_four(values, from);
    if (target.add) {
      std::uint32_t old[4];
      load_four(old, target.data + at);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        values[i] = pack_bfloat16(first_bfloat16(old[i]) + first_bfloat16(values[i]),
                                  second_bfloat16(old[i]) + second_bfloat16(values[i]));
      }
    }
    store_four(target.data + at, values);
  }
};

}  // namespace pixnerd::detail
