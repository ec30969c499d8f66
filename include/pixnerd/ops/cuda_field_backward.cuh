/// \file
/// The neural field backward on tensor cores.
#pragma once

#include <algorithm>

#include <pixnerd/ops/cuda_field_tiles.cuh>

namespace pixnerd::detail {

/// Warps of a backward block: one for 16 hidden units. Two registers a hidden unit and feature collect the matrices'
/// gradients, which limits how many units a block has.
constexpr std::int64_t field_backward_warps(std::int64_t hidden) {
  return hidden / 16;
}
constexpr std::int64_t field_backward_most_hidden(std::int64_t width) {
  return width <= 64 ? 256 : 128;
}

/// Shared memory of the backward kernel: both matrices; pixels and gradients; gradients of the hidden layer; factors.
/// F = 64, hidden 128, from 128 pixels on: 108,800 bytes, so two blocks of eight warps live on a multiprocessor of an H100.
constexpr std::int64_t field_backward_bytes(std::int64_t width, std::int64_t hidden, std::int64_t rows) {
  return 2 * (width * (hidden + field_pad) + hidden * (width + field_pad) + 2 * rows * (width + field_pad) +
              hidden * (rows + field_pad)) +
         4 * (hidden + width + rows);
}

/// Pixels that a backward block holds at a time: 16 a warp and at most 128, fewer where shared memory is small; 0 when there
/// is too little for any.
constexpr std::int64_t field_backward_rows(const FieldSizes& s, std::int64_t most_shared) {
  std::int64_t rows =
      std::min({s.hidden, std::int64_t{128}, std::max<std::int64_t>(16, (s.pixels + 15) / 16 * 16)});
  while (rows > 0 && field_backward_bytes(s.width, s.hidden, rows) > most_shared) rows -= 16;
  return rows;
}

/// What a backward block works on.
template <int width>
struct FieldBlock {
  static constexpr int stride = width + field_pad, steps = width / 16, packets = width / 8;

  int hidden, hidden_stride, rows, rows_stride, warp, lane;
  bfloat16 *first, *second;  // width x hidden, hidden x width
  bfloat16 *pixels, *grads;  // rows x width
  bfloat16* grad_hidden;     // hidden x rows
  float *first_scale, *second_scale, *inverse_rms;

  __device__ FieldBlock(int hidden_, int rows_)
      : hidden(hidden_),
        hidden_stride(hidden_ + field_pad),
        rows(rows_),
        rows_stride(rows_ + field_pad),
        warp(static_cast<int>(threadIdx.x) / warp_size),
        lane(static_cast<int>(threadIdx.x) % warp_size),
        first(dynamic_shared<bfloat16>()),
        second(first + width * hidden_stride),
        pixels(second + hidden * stride),
        grads(pixels + rows * stride),
        grad_hidden(grads + rows * stride),
        first_scale(reinterpret_cast<float*>(grad_hidden + hidden * rows_stride)),
        second_scale(first_scale + hidden),
        inverse_rms(second_scale + width) {}

  /// This warp's 16 hidden units of the first matrix, transposed, as left operand: features [16 k, 16 k + 16).
  __device__ void load_first(std::uint32_t (&a)[4], int k) const {
    load_matrices_transposed(a, first + k * 16 * hidden_stride + warp * 16 + columns_first(hidden_stride));
  }
  /// The same of the second matrix, as it lies.
  __device__ void load_second(std::uint32_t (&a)[4], int k) const {
    load_matrices(a, second + warp * 16 * stride + k * 16 + rows_first(stride));
  }

  /// Fetches 16 pixels and their gradients, of which `valid` exist, as operands of the products: pixels divided by
  /// their root mean square, gradients multiplied by the second matrix's factors.
  __device__ void fetch_operands(int tile, std::int64_t valid, float epsilon, const bfloat16* x,
                                 const bfloat16* grad_y) const {
    // As many threads a row as the next power of two.
    constexpr int threads = packets <= 2 ? 2 : packets <= 4 ? 4 : packets <= 8 ? 8 : 16;
    const int column = lane % threads * 8;
    const bool inside = column < width;
#pragma unroll
    for (int step = 0; step < 16; step += warp_size / threads) {
      const int row = step + lane / threads;
      uint4 value{0, 0, 0, 0}, grad{0, 0, 0, 0};
      if (inside && row < valid) {
        value = *reinterpret_cast<const uint4*>(x + row * width + column);
        grad = *reinterpret_cast<const uint4*>(grad_y + row * width + column);
      }
      std::uint32_t values[4] = {value.x, value.y, value.z, value.w},
                    grads_[4] = {grad.x, grad.y, grad.z, grad.w};
      float square = 0;
#pragma unroll
      for (const std::uint32_t two : values)
        square += first_bfloat16(two) * first_bfloat16(two) + second_bfloat16(two) * second_bfloat16(two);
      const float inverse = 1.0f / std::sqrt(warp_sum<threads>(square) / width + epsilon);
      if (!inside) continue;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float2 scale = load_pair(second_scale + column + 2 * i);
        values[i] = pack_bfloat16(first_bfloat16(values[i]) * inverse, second_bfloat16(values[i]) * inverse);
        grads_[i] = pack_bfloat16(first_bfloat16(grads_[i]) * std::abs(scale.x),
                                  second_bfloat16(grads_[i]) * std::abs(scale.y));
      }
      const int at = (tile * 16 + row) * stride + column;
      *reinterpret_cast<uint4*>(pixels + at) = {values[0], values[1], values[2], values[3]};
      *reinterpret_cast<uint4*>(grads + at) = {grads_[0], grads_[1], grads_[2], grads_[3]};
      if (column == 0) inverse_rms[tile * 16 + row] = inverse;
    }
  }

  /// From all pixels held, for this warp's hidden units: the hidden layer's gradient, times the first matrix's factors, to
  /// shared memory; the matrices' gradients, of units x features, added to the sums.
  __device__ void hidden_pass(const bfloat16* norm_weight, int tiles, float (&first_sum)[2 * steps][4],
                              float (&second_sum)[2 * steps][4]) const {
    const int group = lane / 4, pair = lane % 4 * 2;
    std::uint32_t left_first[steps][4], left_second[steps][4];
#pragma unroll
    for (int k = 0; k < steps; ++k) {
      load_first(left_first[k], k);
      load_second(left_second[k], k);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const std::uint32_t weight = load_pair(norm_weight + k * 16 + i / 2 * 8 + pair);
        left_first[k][i] = pack_bfloat16(first_bfloat16(left_first[k][i]) * first_bfloat16(weight),
                                         second_bfloat16(left_first[k][i]) * second_bfloat16(weight));
      }
    }
    const float scales[2] = {std::abs(first_scale[warp * 16 + group]),
                             std::abs(first_scale[warp * 16 + group + 8])};
    for (int tile = 0; tile < tiles; ++tile) {
      const bfloat16 *const x = pixels + tile * 16 * stride, *const g = grads + tile * 16 * stride;
      float active[2][4] = {}, slope[2][4] = {};  // units x pixels
      std::uint32_t right[4];
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices(right, x + k * 16 + columns_first(stride));
        mma_pair(active[0], active[1], left_first[k], right);
        load_matrices(right, g + k * 16 + columns_first(stride));
        mma_pair(slope[0], slope[1], left_second[k], right);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float h = active[half][i] * scales[i / 2], gate = field_sigmoid(h);
          active[half][i] = h * gate;
          slope[half][i] *= gate * (1.0f + h * (1.0f - gate)) * scales[i / 2];
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
        load_matrices_transposed(right, x + k * 16 + rows_first(stride));
        mma_pair(first_sum[2 * k], first_sum[2 * k + 1], left_grad, right);
        load_matrices_transposed(right, g + k * 16 + rows_first(stride));
        mma_pair(second_sum[2 * k], second_sum[2 * k + 1], left_active, right);
      }
    }
  }

  /// The gradient of 16 pixels, of which `valid` exist, by one warp. Their place in shared memory is used for the pixels
  /// themselves and their incoming gradients.
  __device__ void pixel_pass(int tile, std::int64_t valid, const bfloat16* x, const bfloat16* norm_weight,
                             const bfloat16* grad_y, GradTarget<bfloat16> grad_x) const {
    const int group = lane / 4, pair = lane % 4 * 2;
    bfloat16 *const own = pixels + tile * 16 * stride, *const own_grad = grads + tile * 16 * stride;
    const auto each_packet = [&](auto body) {
#pragma unroll
      for (int i = lane; i < 16 * packets; i += warp_size) body(i / packets, i % packets * 8);
    };
    each_packet([&](int row, int column) {
      copy_async(own + row * stride + column, x + row * width + column, row < valid);
      copy_async(own_grad + row * stride + column, grad_y + row * width + column, row < valid);
    });
    commit_copies();

    float sum[2 * steps][4] = {};
#pragma unroll 2
    for (int unit = 0; unit < hidden; unit += 16) {
      std::uint32_t left[4], right[4];
      load_matrices_transposed(left,
                               grad_hidden + unit * rows_stride + tile * 16 + columns_first(rows_stride));
#pragma unroll
      for (int k = 0; k < steps; ++k) {
        load_matrices(right, first + k * 16 * hidden_stride + unit + columns_first(hidden_stride));
        mma_pair(sum[2 * k], sum[2 * k + 1], left, right);
      }
    }
    wait_copies<0>();
    __syncwarp();

    float along[2] = {};
#pragma unroll
    for (int j = 0; j < 2 * steps; ++j) {
      const std::uint32_t weight = load_pair(norm_weight + j * 8 + pair);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t value = load_pair(own + (group + half * 8) * stride + j * 8 + pair);
        sum[j][2 * half] *= first_bfloat16(weight);
        sum[j][2 * half + 1] *= second_bfloat16(weight);
        along[half] +=
            sum[j][2 * half] * first_bfloat16(value) + sum[j][2 * half + 1] * second_bfloat16(value);
      }
    }
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      inverse[half] = inverse_rms[tile * 16 + group + half * 8];
      along[half] = warp_sum<4>(along[half]) * inverse[half] * inverse[half] * inverse[half] / width;
    }
#pragma unroll
    for (int j = 0; j < 2 * steps; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int at = (group + half * 8) * stride + j * 8 + pair;
        const std::uint32_t value = load_pair(own + at), grad = load_pair(own_grad + at);
        store_pair(own_grad + at, pack_bfloat16(first_bfloat16(grad) + sum[j][2 * half] * inverse[half] -
                                                    first_bfloat16(value) * along[half],
                                                second_bfloat16(grad) + sum[j][2 * half + 1] * inverse[half] -
                                                    second_bfloat16(value) * along[half]));
      }
    }
    __syncwarp();
    each_packet([&](int row, int column) {
      if (row < valid) put_packet(grad_x, row * width + column, own_grad + row * stride + column);
    });
    __syncwarp();
  }

  /// Writes or adds eight elements.
  static __device__ void put_packet(GradTarget<bfloat16> target, std::int64_t at, const bfloat16* from) {
    auto* const to = reinterpret_cast<uint4*>(target.data + at);
    uint4 value = *reinterpret_cast<const uint4*>(from);
    if (target.add) {
      const uint4 old = *to;
      const auto added = [](std::uint32_t a, std::uint32_t b) {
        return pack_bfloat16(first_bfloat16(a) + first_bfloat16(b), second_bfloat16(a) + second_bfloat16(b));
      };
      value = {added(old.x, value.x), added(old.y, value.y), added(old.z, value.z), added(old.w, value.w)};
    }
    *to = value;
  }
};

}  // namespace pixnerd::detail
