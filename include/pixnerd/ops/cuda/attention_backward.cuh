// SPDX-License-Identifier: MIT
/// \file
/// Attention of bfloat16 on tensor cores, backward.
///
/// With scores s = q k^T / sqrt(d), p = exp(s - log_sum), g = grad_y v^T and r the sum of p g over the keys:
///   grad_v = p^T grad_y,  grad_s = p (g - r),  grad_k = grad_s^T q / sqrt(d),  grad_q = grad_s k / sqrt(d).
/// One kernel sums over queries for 64 keys, others over keys for 64 queries, each in order, so no sum spans
/// several blocks; each recomputes scores and g. r equals the sum of grad_y y over d, which would need fewer
/// products, but y is rounded: where one key has most of the probability, g - r would be mostly rounding
/// error.
#pragma once

#include <type_traits>

#include <pixnerd/ops/cuda/attention_forward.cuh>

namespace pixnerd {
namespace detail {

/// Keys and values stay in registers, 16 per warp; tiles of 32 queries and rows of grad_y are prefetched one
/// tile ahead. Everything is computed transposed, so that p and grad_s can be left factors without leaving
/// their registers. Gradients of values are written before those of keys.
template <class Tile>
__global__ void __launch_bounds__(tile_threads, Tile::key_blocks)
    attention_backward_keys(AttentionSizes s, const bfloat16* all_q, const bfloat16* all_k,
                            const bfloat16* all_v, const bfloat16* all_grad_y, const float* log_sums,
                            const float* row_dots, GradTarget<bfloat16> grad_k, GradTarget<bfloat16> grad_v) {
  constexpr int rows = 32, elements = Tile::template elements<rows>,
                key_elements = Tile::template elements<tile_rows>;
  // For wider heads, keys and values in registers would leave room for one block less per multiprocessor.
  using Left = std::conditional_t<Tile::units <= 6, RowsInRegisters<Tile>, RowsInShared<Tile>>;
  auto* const shared_k = dynamic_shared<bfloat16>();
  bfloat16* const shared_v = shared_k + key_elements;
  bfloat16* const shared_q = shared_v + key_elements;                           // two tiles
  bfloat16* const shared_g = shared_q + 2 * elements;                           // two tiles
  auto* const shared_rows = reinterpret_cast<float*>(shared_g + 2 * elements);  // log_sums, row_dots; twice
  const int thread = static_cast<int>(threadIdx.x), warp = thread / warp_size, lane = thread % warp_size;
  const TilePlace place(s.keys);
  const int first = place.first;
  const HeadRows<const bfloat16> q(all_q, place, s, s.queries), k(all_k, place, s, s.keys),
      v(all_v, place, s, s.keys), g(all_grad_y, place, s, s.queries);
  // Each thread of two warps holds the values of one query. Queries that do not exist get probability 0
  // everywhere.
  const auto row_value = [&](int query) {
    const bool valid = query + lane < q.rows;
    const std::int64_t at = place.image_head * s.queries + query + lane;
    if (warp == 0) return valid ? log_sums[at] * log2_of_e : INFINITY;
    return valid && warp == 1 ? row_dots[at] : 0.0f;
  };

  load_tile<Tile, tile_rows>(shared_k, k, first);
  load_tile<Tile, tile_rows>(shared_v, v, first);
  load_tile<Tile, rows>(shared_q, q, 0);
  load_tile<Tile, rows>(shared_g, g, 0);
  commit_copies();
  if (warp < 2) shared_rows[thread] = row_value(0);
  wait_copies<0>();
  __syncthreads();
  const Left left_k(shared_k + warp * 16 * Tile::pitch), left_v(shared_v + warp * 16 * Tile::pitch);

  const float slope = log2_of_e / std::sqrt(static_cast<float>(s.width));
  float sum_k[Tile::units][4], sum_v[Tile::units][4];
#pragma unroll
  for (int u = 0; u < Tile::units; ++u) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sum_k[u][i] = sum_v[u][i] = 0;
  }
  int tile = 0;
  for (int query = 0; query < q.rows; query += rows, tile = 1 - tile) {
    wait_copies<0>();
    __syncthreads();  // this tile has arrived, and nobody reads the other anymore
    const bool more = query + rows < q.rows;
    float next_value = 0;
    if (more) {
      load_tile<Tile, rows>(shared_q + (1 - tile) * elements, q, query + rows);
      load_tile<Tile, rows>(shared_g + (1 - tile) * elements, g, query + rows);
      commit_copies();
      next_value = row_value(query + rows);
    }
    float p[4][4], grad_s[4][4];
    multiply_transposed<Tile>(p, left_k, shared_q + tile * elements);
    multiply_transposed<Tile>(grad_s, left_v, shared_g + tile * elements);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float* of_column = shared_rows + tile * 2 * rows + j * 8 + lane % 4 * 2;
      const auto log_sum = *reinterpret_cast<const float2*>(of_column);
      const auto dot = *reinterpret_cast<const float2*>(of_column + rows);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        p[j][i] = exp2_fast(p[j][i] * slope - (i % 2 == 0 ? log_sum.x : log_sum.y));
        grad_s[j][i] = p[j][i] * (grad_s[j][i] - (i % 2 == 0 ? dot.x : dot.y));
      }
    }
    std::uint32_t packed[2][4];
    pack_left(packed, p);
    multiply_add<Tile>(sum_v, packed, shared_g + tile * elements);
    pack_left(packed, grad_s);
    multiply_add<Tile>(sum_k, packed, shared_q + tile * elements);
    if (more && warp < 2) shared_rows[(1 - tile) * 2 * rows + thread] = next_value;
  }

  __syncthreads();
  bfloat16* const own = shared_k + warp * 16 * Tile::pitch;
  if (grad_v.data != nullptr) {
    store_tile<Tile>(sum_v, {1.0f, 1.0f}, own, HeadRows<bfloat16>(grad_v.data, place, s, s.keys), grad_v.add,
                     first + warp * 16);
  }
  if (grad_k.data != nullptr) {
    const float scale = slope / log2_of_e;
    store_tile<Tile>(sum_k, {scale, scale}, own, HeadRows<bfloat16>(grad_k.data, place, s, s.keys),
                     grad_k.add, first + warp * 16);
  }
}

/// Queries and rows of grad_y stay in registers, 16 per warp; tiles of 64 keys and values are prefetched one
/// tile ahead. Writes grad_q, or row_dots with only_dots.
template <class Tile, bool only_dots>
__global__ void __launch_bounds__(tile_threads, only_dots ? Tile::dot_blocks : Tile::query_blocks)
    attention_backward_queries(AttentionSizes s, const bfloat16* all_q, const bfloat16* all_k,
                               const bfloat16* all_v, const bfloat16* all_grad_y, const float* log_sums,
                               float* row_dots, GradTarget<bfloat16> grad_q) {
  constexpr int rows = 32, elements = Tile::template elements<tile_rows>;
  auto* const shared_k = dynamic_shared<bfloat16>();  // two tiles
  bfloat16* const shared_v = shared_k + 2 * elements;
  const int warp = static_cast<int>(threadIdx.x) / warp_size,
            lane = static_cast<int>(threadIdx.x) % warp_size;
  const TilePlace place(s.queries);
  const int first = place.first;
  const HeadRows<const bfloat16> q(all_q, place, s, s.queries), k(all_k, place, s, s.keys),
      v(all_v, place, s, s.keys), g(all_grad_y, place, s, s.queries);

  // Queries and rows of grad_y are loaded through the memory of the second tiles.
  load_tile<Tile, tile_rows>(shared_k + elements, q, first);
  load_tile<Tile, tile_rows>(shared_v + elements, g, first);
  load_tile<Tile, tile_rows>(shared_k, k, 0);
  load_tile<Tile, tile_rows>(shared_v, v, 0);
  commit_copies();
  float log_sum[2], dot[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int query = first + warp * 16 + lane / 4 + 8 * r;
    const bool valid = query < q.rows;
    const std::int64_t at = place.image_head * s.queries + query;
    log_sum[r] = valid ? log_sums[at] * log2_of_e : INFINITY;
    dot[r] = valid && !only_dots ? row_dots[at] : 0.0f;
  }
  wait_copies<0>();
  __syncthreads();
  const RowsInRegisters<Tile> left_q(shared_k + elements + warp * 16 * Tile::pitch);
  const RowsInRegisters<Tile> left_g(shared_v + elements + warp * 16 * Tile::pitch);

  const float slope = log2_of_e / std::sqrt(static_cast<float>(s.width));
  float sum_q[Tile::units][4];
#pragma unroll
  for (int u = 0; u < Tile::units; ++u) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sum_q[u][i] = 0;
  }
  for (int key = 0, at = 0; key < k.rows; key += tile_rows, at = elements - at) {
    wait_copies<0>();
    __syncthreads();  // this tile has arrived, and nobody reads the other anymore
    if (key + tile_rows < k.rows) {
      load_tile<Tile, tile_rows>(shared_k + elements - at, k, key + tile_rows);
      load_tile<Tile, tile_rows>(shared_v + elements - at, v, key + tile_rows);
      commit_copies();
    }
#pragma unroll 1
    for (int part = 0; part < tile_rows && key + part < k.rows; part += rows) {
      const bfloat16* const part_k = shared_k + at + part * Tile::pitch;
      float p[4][4], grad_s[4][4];
      multiply_transposed<Tile>(p, left_q, part_k);
      multiply_transposed<Tile>(grad_s, left_g, shared_v + at + part * Tile::pitch);
      if (key + part + rows > k.rows) mask_columns(p, k.rows - key - part);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          p[j][i] = exp2_fast(p[j][i] * slope - log_sum[i / 2]);
          if (only_dots) {
            dot[i / 2] += p[j][i] * grad_s[j][i];
          } else {
            grad_s[j][i] = p[j][i] * (grad_s[j][i] - dot[i / 2]);
          }
        }
      }
      if (only_dots) continue;
      std::uint32_t packed[2][4];
      pack_left(packed, grad_s);
      multiply_add<Tile>(sum_q, packed, part_k);
    }
  }
  if (only_dots) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int query = first + warp * 16 + lane / 4 + 8 * r;
      const float all = warp_sum<4>(dot[r]);
      if (lane % 4 == 0 && query < q.rows) row_dots[place.image_head * s.queries + query] = all;
    }
    return;
  }
  __syncthreads();
  const float scale = slope / log2_of_e;
  store_tile<Tile>(sum_q, {scale, scale}, shared_k + warp * 16 * Tile::pitch,
                   HeadRows<bfloat16>(grad_q.data, place, s, s.queries), grad_q.add, first + warp * 16);
}

inline void launch_attention_backward(const AttentionSizes& s, const bfloat16* q, const bfloat16* k,
                                      const bfloat16* v, const bfloat16* grad_y, const float* log_sums,
                                      float* row_dots, GradTarget<bfloat16> grad_q,
                                      GradTarget<bfloat16> grad_k, GradTarget<bfloat16> grad_v) {
  const std::int64_t heads = s.batch * s.heads;
  const auto tiles = [](std::int64_t length) { return (length + tile_rows - 1) / tile_rows; };
  with_head_tile(s.width, [&]<class Tile>(Tile) {
    constexpr std::size_t bytes = 4 * Tile::template elements<tile_rows> * sizeof(bfloat16);
    launch("attention", attention_backward_queries<Tile, true>, blocks_for(heads * tiles(s.queries), 1),
           tile_threads, bytes, s, q, k, v, grad_y, log_sums, row_dots, GradTarget<bfloat16>{});
    if (grad_k || grad_v) {
      launch("attention", attention_backward_keys<Tile>, blocks_for(heads * tiles(s.keys), 1), tile_threads,
             bytes + 4 * 32 * sizeof(float), s, q, k, v, grad_y, log_sums, row_dots, grad_k, grad_v);
    }
    if (grad_q) {
      launch("attention", attention_backward_queries<Tile, false>, blocks_for(heads * tiles(s.queries), 1),
             tile_threads, bytes, s, q, k, v, grad_y, log_sums, row_dots, grad_q);
    }
  });
}

}  // namespace detail
}  // namespace pixnerd
