// SPDX-License-Identifier: MIT
/// \file
/// The neural field of any size and element type on the GPU, without tensor cores. Used for float32 and
/// float64, and for bfloat16 where the fast kernels do not apply.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/ops/cuda/field_tiles.cuh>

namespace pixnerd::detail {

inline constexpr int field_any_threads = 256;

/// A block's working set, all in W: a patch's matrices, some rows of pixels and what is computed from them.
/// In shared memory if it fits, otherwise in global memory.
template <class W>
struct FieldScratch {
  int width, hidden, rows;
  int width_stride, hidden_stride;            // odd, so that the elements of a column are in different banks
  W *first, *second;                          // the matrices as generated
  W *first_scale, *second_scale;              // their columns' factors, negative where the norm was clamped
  W *inverse_rms, *normed, *active;           // of `rows` pixels
  W *grad_hidden, *grad_normed;               // backward only, as the following
  W *first_grad, *second_grad, *weight_grad;  // sums over the pixels

  /// Lays the pieces out starting at `memory`; returns their end.
  PIXNERD_HOST_DEVICE W* lay_out(const FieldSizes& s, int rows_, bool backward, W* memory) {
    width = static_cast<int>(s.width);
    hidden = static_cast<int>(s.hidden);
    rows = rows_;
    width_stride = width | 1;
    hidden_stride = hidden | 1;
    const auto take = [&memory](std::int64_t count) {
      W* const piece = memory;
      memory += count;
      return piece;
    };
    first = take(s.width * hidden_stride);
    second = take(s.hidden * width_stride);
    first_scale = take(s.hidden);
    second_scale = take(s.width);
    inverse_rms = take(rows);
    normed = take(std::int64_t{rows} * width_stride);
    active = take(std::int64_t{rows} * hidden_stride);
    if (!backward) return memory;
    grad_hidden = take(std::int64_t{rows} * hidden_stride);
    grad_normed = take(std::int64_t{rows} * width_stride);
    first_grad = take(s.width * s.hidden);
    second_grad = take(s.width * s.hidden);
    weight_grad = take(s.width);
    return memory;
  }

  static std::int64_t count(const FieldSizes& s, int rows, bool backward) {
    FieldScratch scratch;
    // Counts from an aligned address that is not null; no memory is accessed.
    W* const base = reinterpret_cast<W*>(std::uintptr_t{1} << 20);
    return scratch.lay_out(s, rows, backward, base) - base;
  }
};

/// put(i, j, sum over k of left(i, k) right(k, j)) for all i < m, j < n, by the whole block; a thread handles
/// four rows and four columns at a time.
template <class W, class Left, class Right, class Put>
__device__ inline void field_product(int m, int n, int inner, Left left, Right right, Put put) {
  const int column_groups = (n + 63) / 64, units = (m + 3) / 4 * column_groups * 16;
  for (int unit = static_cast<int>(threadIdx.x); unit < units; unit += static_cast<int>(blockDim.x)) {
    const int row = unit / 16 / column_groups * 4, column = unit / 16 % column_groups * 64 + unit % 16;
    int i[4], j[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      i[k] = row + k < m ? row + k : m - 1;
      j[k] = column + k * 16 < n ? column + k * 16 : n - 1;
    }
    W sum[4][4] = {};
    for (int k = 0; k < inner; ++k) {
      W a[4], b[4];
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        a[q] = left(i[q], k);
        b[q] = right(k, j[q]);
      }
#pragma unroll
      for (int p = 0; p < 4; ++p) {
#pragma unroll
        for (int q = 0; q < 4; ++q) sum[p][q] += a[p] * b[q];
      }
    }
#pragma unroll
    for (int p = 0; p < 4; ++p) {
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        if (row + p < m && column + q * 16 < n) put(row + p, column + q * 16, sum[p][q]);
      }
    }
  }
}

/// Reads a patch's matrices and computes their columns' factors. Begins and ends with a barrier.
template <class T, class W>
__device__ inline void load_field_matrices(const FieldScratch<W>& f, bool normalize_second, const T* theta) {
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const auto load = [=](const T* from, int rows, int columns, int stride, W* to, W* scale, bool normalized) {
    for (std::int64_t i = thread; i < std::int64_t{rows} * columns; i += threads)
      to[i / columns * stride + i % columns] = static_cast<W>(from[i]);
    __syncthreads();
    for (int j = thread; j < columns; j += threads) {
      W square = 0;
      for (int i = 0; i < rows; ++i)
        square += to[std::int64_t{i} * stride + j] * to[std::int64_t{i} * stride + j];
      scale[j] = normalized ? field_scale(square) : W(1);
    }
  };
  __syncthreads();
  load(theta, f.width, f.hidden, f.hidden_stride, f.first, f.first_scale, true);
  load(theta + std::int64_t{f.width} * f.hidden, f.hidden, f.width, f.width_stride, f.second, f.second_scale,
       normalize_second);
  __syncthreads();
}

/// Normalizes `count` pixels starting at x and computes the hidden layer before its activation. Ends with a
/// barrier.
template <class T, class W>
__device__ inline void field_hidden(const FieldScratch<W>& f, int count, W epsilon, const T* x,
                                    const W* norm_weight) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size,
            warps = static_cast<int>(blockDim.x) / warp_size;
  for (int row = static_cast<int>(threadIdx.x) / warp_size; row < count; row += warps) {
    const T* const from = x + std::int64_t{row} * f.width;
    W square = 0;
    for (int i = lane; i < f.width; i += warp_size) square += W(from[i]) * W(from[i]);
    const W inverse = W(1) / std::sqrt(warp_sum(square) / W(f.width) + epsilon);
    for (int i = lane; i < f.width; i += warp_size)
      f.normed[std::int64_t{row} * f.width_stride + i] = W(from[i]) * inverse * norm_weight[i];
    if (lane == 0) f.inverse_rms[row] = inverse;
  }
  __syncthreads();
  field_product<W>(
      count, f.hidden, f.width, [=](int i, int k) { return f.normed[std::int64_t{i} * f.width_stride + k]; },
      [=](int k, int j) { return f.first[std::int64_t{k} * f.hidden_stride + j]; },
      [=](int i, int j, W sum) {
        f.active[std::int64_t{i} * f.hidden_stride + j] = sum * std::abs(f.first_scale[j]);
      });
  __syncthreads();
}

/// A block's scratch memory: shared memory, or `per_block` elements of global memory if that is given.
template <class W>
__device__ inline W* field_scratch_memory(W* global, std::int64_t per_block) {
  return global == nullptr ? dynamic_shared<W>() : global + blockIdx.x * per_block;
}

/// A block handles one patch at a time, `rows` of its pixels at a time.
template <class T, class W>
__global__ void __launch_bounds__(field_any_threads, sizeof(W) == 4 ? 2 : 1)
    field_any_forward_kernel(FieldSizes s, int rows, W* global, std::int64_t per_block, W epsilon, const T* x,
                             const T* theta, const W* norm_weight, T* y) {
  FieldScratch<W> f;
  f.lay_out(s, rows, false, field_scratch_memory(global, per_block));
  for (std::int64_t patch = blockIdx.x; patch < s.patches; patch += gridDim.x) {
    load_field_matrices(f, s.normalize_second, theta + patch * 2 * s.width * s.hidden);
    for (std::int64_t pixel = 0; pixel < s.pixels; pixel += rows) {
      const std::int64_t at = (patch * s.pixels + pixel) * s.width;
      const int count = s.pixels - pixel < rows ? static_cast<int>(s.pixels - pixel) : rows;
      field_hidden(f, count, epsilon, x + at, norm_weight);
      for (int i = static_cast<int>(threadIdx.x); i < count * f.hidden_stride;
           i += static_cast<int>(blockDim.x)) {
        if (i % f.hidden_stride < f.hidden) f.active[i] = silu_value(f.active[i]);
      }
      __syncthreads();
      field_product<W>(
          count, f.width, f.hidden,
          [=](int i, int k) { return f.active[std::int64_t{i} * f.hidden_stride + k]; },
          [=](int k, int j) { return f.second[std::int64_t{k} * f.width_stride + j]; },
          [=](int i, int j, W sum) {
            const std::int64_t to = at + std::int64_t{i} * f.width + j;
            y[to] = static_cast<T>(W(x[to]) + sum * std::abs(f.second_scale[j]));
          });
      __syncthreads();
    }
  }
}

/// The scratch memory of a launch of the kernels for any size.
template <class W>
struct FieldPlan {
  int rows;
  std::int64_t per_block, blocks, shared_bytes;
  std::shared_ptr<std::byte> global;

  FieldPlan(const FieldSizes& s, bool backward) {
    const auto most = static_cast<int>(std::clamp<std::int64_t>(s.pixels, 1, 32));
    const auto bytes = static_cast<std::int64_t>(sizeof(W));
    const std::int64_t most_shared = cuda_shared_memory();
    for (rows = most; rows > 4; rows /= 2) {
      if (FieldScratch<W>::count(s, rows, backward) * bytes <= most_shared) break;
    }
    per_block = FieldScratch<W>::count(s, rows, backward);
    blocks = s.patches;
    shared_bytes = per_block * bytes;
    if (shared_bytes <= most_shared) return;
    // Enough blocks for any GPU.
    rows = most;
    per_block = FieldScratch<W>::count(s, rows, backward);
    blocks = std::min<std::int64_t>(s.patches, 288);
    shared_bytes = 0;
    global = allocate_bytes<Cuda>(static_cast<std::size_t>(blocks * per_block * bytes));
  }

  W* memory() const { return reinterpret_cast<W*>(global.get()); }
};

}  // namespace pixnerd::detail
