// SPDX-License-Identifier: MIT
/// \file
/// Attention in ordinary arithmetic: for float and double, and for bfloat16 with widths or addresses that the
/// tensor-core kernels do not support.
#pragma once

#include <cmath>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/attention.hpp>
#include <pixnerd/ops/cuda/elementwise.cuh>

namespace pixnerd {
namespace detail {

inline constexpr int plain_warps = 8;

/// Distance of rows in shared memory, in elements: zero-padded groups of 32, and an odd number of 16-byte
/// units, so that threads that each read 16 bytes of a row have no bank conflicts.
template <class W>
PIXNERD_HOST_DEVICE inline int plain_pitch(std::int64_t width) {
  return static_cast<int>((width + 31) / 32 * 32) + Packet<W>::count;
}

/// The work of one block: a head of an image, and the first row of its tile.
struct PlainPlace {
  std::int64_t image_head;
  int first, width, pitch;
  std::int64_t stride;

  template <class W>
  __device__ static PlainPlace of_block(const AttentionSizes& s, std::int64_t length, int rows, W) {
    const auto tiles = static_cast<std::uint32_t>((length + rows - 1) / rows);
    return {blockIdx.x / tiles, static_cast<int>(blockIdx.x % tiles) * rows, static_cast<int>(s.width),
            plain_pitch<W>(s.width), s.heads * s.width};
  }
  /// The start of this head's rows.
  __device__ std::int64_t start(const AttentionSizes& s, std::int64_t length) const {
    return image_head / s.heads * length * stride + image_head % s.heads * s.width;
  }
};

/// Copies rows [first, first + rows) of `length` into shared memory; rows and elements that do not exist
/// become zero.
template <class T>
__device__ inline void plain_load(wide_t<T>* shared, const T* from, const PlainPlace& at, int first, int rows,
                                  std::int64_t length) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  for (int row = static_cast<int>(threadIdx.x) / warp_size; row < rows; row += plain_warps) {
    const T* source = from + (first + row) * at.stride;
    const bool valid = first + row < length;
    for (int c = lane; c < at.pitch; c += warp_size)
      shared[row * at.pitch + c] = valid && c < at.width ? static_cast<wide_t<T>>(source[c]) : wide_t<T>(0);
  }
}

/// out[r] = the product of row r with this thread's row.
template <int rows, class W>
__device__ inline void plain_dots(W (&out)[rows], const W* left, const W* right, const PlainPlace& at) {
  constexpr int count = Packet<W>::count;
#pragma unroll
  for (int r = 0; r < rows; ++r) out[r] = 0;
#pragma unroll 2
  for (int c = 0; c < at.width; c += count) {
    const auto b = *reinterpret_cast<const Packet<W>*>(right + c);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const auto a = *reinterpret_cast<const Packet<W>*>(left + r * at.pitch + c);
#pragma unroll
      for (int i = 0; i < count; ++i) out[r] += a.values[i] * b.values[i];
    }
  }
}

/// sums[r][i] += column lane + 32 i of weights (rows x 32) times 32 rows of a tile.
template <int rows, int slots, class W>
__device__ inline void plain_accumulate(W (&sums)[rows][slots], const W* weights, const W* tile,
                                        const PlainPlace& at) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll 4
  for (int j = 0; j < warp_size; ++j) {
#pragma unroll
    for (int i = 0; i < slots; ++i) {
      if (i * warp_size >= at.width) break;
      const W value = tile[j * at.pitch + lane + i * warp_size];
#pragma unroll
      for (int r = 0; r < rows; ++r) sums[r][i] += weights[r * warp_size + j] * value;
    }
  }
}

/// Writes or adds the sums, times factor[r], to the rows starting at `first`.
template <int rows, int slots, class T, class W>
__device__ inline void plain_store(const W (&sums)[rows][slots], const W (&factor)[rows], GradTarget<T> to,
                                   const PlainPlace& at, int first, std::int64_t length) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
  for (int r = 0; r < rows; ++r) {
#pragma unroll
    for (int i = 0; i < slots; ++i) {
      const int c = lane + i * warp_size;
      if (first + r < length && c < at.width)
        to.put((first + r) * at.stride + c, static_cast<T>(sums[r][i] * factor[r]));
    }
  }
}

/// Each warp handles `rows` queries of one head; its block iterates over the keys in tiles of 32, one key per
/// thread.
template <class T, int rows, int slots>
__global__ void __launch_bounds__(plain_warps* warp_size, 2)
    attention_forward_plain(AttentionSizes s, const T* q, const T* k, const T* v, T* y, wide_t<T>* log_sums) {
  using W = wide_t<T>;
  constexpr int block_rows = plain_warps * rows;
  const auto at = PlainPlace::of_block(s, s.queries, block_rows, W());
  const int warp = static_cast<int>(threadIdx.x) / warp_size,
            lane = static_cast<int>(threadIdx.x) % warp_size;
  const int own = at.first + warp * rows;
  W* const shared_q = dynamic_shared<W>();
  W* const tile = shared_q + block_rows * at.pitch;
  W* const weights = tile + warp_size * at.pitch + warp * rows * warp_size;
  const std::int64_t at_queries = at.start(s, s.queries), at_keys = at.start(s, s.keys);
  const std::int64_t image = at.image_head / s.heads;
  const W scale = W(1) / std::sqrt(W(s.width));

  plain_load(shared_q, q + at_queries, at, at.first, block_rows, s.queries);
  W sums[rows][slots] = {}, largest[rows], total[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    largest[r] = -W(INFINITY);
    total[r] = 0;
  }
  for (int key = 0; key < s.keys; key += warp_size) {
    __syncthreads();
    plain_load(tile, k + at_keys, at, key, warp_size, s.keys);
    __syncthreads();
    W p[rows];
    plain_dots(p, shared_q + warp * rows * at.pitch, tile + lane * at.pitch, at);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      if (key + lane >= s.visible(image, own + r)) p[r] = -W(INFINITY);
      const W before = largest[r], now = warp_max(p[r] > before ? p[r] : before);
      const W correction = std::exp((before - now) * scale);
      p[r] = std::exp((p[r] - now) * scale);
      largest[r] = now;
      total[r] = total[r] * correction + p[r];
#pragma unroll
      for (int i = 0; i < slots; ++i) sums[r][i] *= correction;
      weights[r * warp_size + lane] = p[r];
    }
    __syncthreads();
    plain_load(tile, v + at_keys, at, key, warp_size, s.keys);
    __syncthreads();
    plain_accumulate(sums, weights, tile, at);
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    total[r] = warp_sum(total[r]);
    if (log_sums != nullptr && lane == 0 && own + r < s.queries)
      log_sums[at.image_head * s.queries + own + r] = largest[r] * scale + std::log(total[r]);
    total[r] = W(1) / total[r];
  }
  plain_store(sums, total, GradTarget<T>{y + at_queries}, at, own, s.queries);
}

/// What backward sums: over keys for each query, or over queries for each key.
enum class PlainSums { row_dots, queries, keys };

/// One side of backward; see attention_backward.cuh for the equations. For keys, each warp handles `rows`
/// keys and iterates over the queries: `a`, `b` are keys and values, `c`, `d` queries and grad_y; it writes
/// the gradients of values (second), then of keys (first). Otherwise it handles queries and iterates over the
/// keys: `a`, `b` are queries and grad_y, `c`, `d` keys and values.
template <class T, PlainSums what, int rows, int slots>
__global__ void __launch_bounds__(plain_warps* warp_size, 2)
    attention_backward_plain(AttentionSizes s, const T* a, const T* b, const T* c, const T* d,
                             const wide_t<T>* log_sums, wide_t<T>* row_dots, GradTarget<T> first,
                             GradTarget<T> second) {
  using W = wide_t<T>;
  constexpr bool of_keys = what == PlainSums::keys;
  constexpr int block_rows = plain_warps * rows;
  const std::int64_t length = of_keys ? s.keys : s.queries, others = of_keys ? s.queries : s.keys;
  const auto at = PlainPlace::of_block(s, length, block_rows, W());
  const int warp = static_cast<int>(threadIdx.x) / warp_size,
            lane = static_cast<int>(threadIdx.x) % warp_size;
  const int own = at.first + warp * rows;
  W* const shared_a = dynamic_shared<W>();
  W* const shared_b = shared_a + block_rows * at.pitch;
  W* const tile_c = shared_b + block_rows * at.pitch;
  W* const tile_d = tile_c + warp_size * at.pitch;
  W* const weights = tile_d + warp_size * at.pitch + warp * 2 * rows * warp_size;
  W* const grads = weights + rows * warp_size;
  const std::int64_t start = at.start(s, length), start_others = at.start(s, others);
  const std::int64_t image = at.image_head / s.heads;
  const W scale = W(1) / std::sqrt(W(s.width));

  plain_load(shared_a, a + start, at, at.first, block_rows, length);
  plain_load(shared_b, b + start, at, at.first, block_rows, length);
  W first_sums[rows][slots] = {}, second_sums[rows][slots] = {}, dots[rows] = {};
  for (int other = 0; other < others; other += warp_size) {
    __syncthreads();
    plain_load(tile_c, c + start_others, at, other, warp_size, others);
    plain_load(tile_d, d + start_others, at, other, warp_size, others);
    __syncthreads();
    W p[rows], grad_s[rows];
    plain_dots(p, shared_a + warp * rows * at.pitch, tile_c + lane * at.pitch, at);
    plain_dots(grad_s, shared_b + warp * rows * at.pitch, tile_d + lane * at.pitch, at);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int query = of_keys ? other + lane : own + r;
      const bool valid = query < s.queries && (of_keys ? own + r : other + lane) < s.visible(image, query);
      const std::int64_t row = at.image_head * s.queries + query;
      p[r] = valid ? std::exp(p[r] * scale - log_sums[row]) : W(0);
      if constexpr (what == PlainSums::row_dots) {
        dots[r] += p[r] * grad_s[r];
      } else {
        weights[r * warp_size + lane] = p[r];
        grads[r * warp_size + lane] = valid ? p[r] * (grad_s[r] - row_dots[row]) : W(0);
      }
    }
    if constexpr (what != PlainSums::row_dots) {
      __syncwarp();
      if (of_keys) plain_accumulate(second_sums, weights, tile_d, at);
      plain_accumulate(first_sums, grads, tile_c, at);
    }
  }
  if constexpr (what == PlainSums::row_dots) {
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      dots[r] = warp_sum(dots[r]);
      if (lane == 0 && own + r < length) row_dots[at.image_head * length + own + r] = dots[r];
    }
  } else {
    W factor[rows];
    if (of_keys && second.data != nullptr) {
#pragma unroll
      for (int r = 0; r < rows; ++r) factor[r] = 1;
      plain_store(second_sums, factor, GradTarget<T>{second.data + start, second.add}, at, own, length);
    }
    if (first.data != nullptr) {
#pragma unroll
      for (int r = 0; r < rows; ++r) factor[r] = scale;
      plain_store(first_sums, factor, GradTarget<T>{first.data + start, first.add}, at, own, length);
    }
  }
}

/// Shared memory, in bytes, of a block whose warps have `rows` rows each: tiles of `tiles` tensors, and
/// weights.
template <class W>
std::int64_t plain_bytes(std::int64_t width, std::int64_t rows, std::int64_t tiles) {
  const std::int64_t elements =
      (plain_warps * rows + warp_size) * plain_pitch<W>(width) + plain_warps * rows * warp_size;
  return elements * tiles * static_cast<std::int64_t>(sizeof(W));
}

/// Calls launch(rows, slots, bytes), the first two as constants: four rows per warp for heads up to 128 wide
/// if shared memory allows it, otherwise one, for heads up to 256.
template <class W, class Launch>
void with_plain_tile(std::int64_t width, std::int64_t tiles, Launch launch) {
  const std::int64_t most = cuda_shared_memory(), four = plain_bytes<W>(width, 4, tiles),
                     one = plain_bytes<W>(width, 1, tiles);
  using std::integral_constant;
  if (width <= 128 && four <= most) {
    launch(integral_constant<int, 4>{}, integral_constant<int, 4>{}, static_cast<std::size_t>(four));
  } else if (one <= most) {
    launch(integral_constant<int, 1>{}, integral_constant<int, 8>{}, static_cast<std::size_t>(one));
  } else {
    raise<ShapeError>("attention", str_cat("at most ", most, " bytes of shared memory for a head"),
                      str_cat(one));
  }
}

template <class T>
void launch_plain_forward(const AttentionSizes& s, const T* q, const T* k, const T* v, T* y,
                          wide_t<T>* log_sums) {
  with_plain_tile<wide_t<T>>(s.width, 1, [&](auto rows, auto slots, std::size_t bytes) {
    const std::int64_t block_rows = plain_warps * rows();
    launch("attention", attention_forward_plain<T, rows(), slots()>,
           blocks_for(s.batch * s.heads * ((s.queries + block_rows - 1) / block_rows), 1),
           plain_warps * warp_size, bytes, s, q, k, v, y, log_sums);
  });
}

template <class T>
void launch_plain_backward(const AttentionSizes& s, const T* q, const T* k, const T* v, const T* grad_y,
                           const wide_t<T>* log_sums, wide_t<T>* row_dots, GradTarget<T> grad_q,
                           GradTarget<T> grad_k, GradTarget<T> grad_v) {
  with_plain_tile<wide_t<T>>(s.width, 2, [&](auto rows, auto slots, std::size_t bytes) {
    const std::int64_t block_rows = plain_warps * rows();
    const auto blocks = [&](std::int64_t length) {
      return blocks_for(s.batch * s.heads * ((length + block_rows - 1) / block_rows), 1);
    };
    launch("attention", attention_backward_plain<T, PlainSums::row_dots, rows(), slots()>, blocks(s.queries),
           plain_warps * warp_size, bytes, s, q, grad_y, k, v, log_sums, row_dots, GradTarget<T>{},
           GradTarget<T>{});
    if (grad_k || grad_v) {
      launch("attention", attention_backward_plain<T, PlainSums::keys, rows(), slots()>, blocks(s.keys),
             plain_warps * warp_size, bytes, s, k, v, q, grad_y, log_sums, row_dots, grad_k, grad_v);
    }
    if (grad_q) {
      launch("attention", attention_backward_plain<T, PlainSums::queries, rows(), slots()>, blocks(s.queries),
             plain_warps * warp_size, bytes, s, q, grad_y, k, v, log_sums, row_dots, grad_q, GradTarget<T>{});
    }
  });
}

}  // namespace detail
}  // namespace pixnerd
