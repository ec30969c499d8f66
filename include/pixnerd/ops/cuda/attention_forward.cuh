// SPDX-License-Identifier: MIT
/// \file
/// Attention of bfloat16 on tensor cores, forward.
#pragma once

#include <pixnerd/ops/cuda/attention_tiles.cuh>

namespace pixnerd {
namespace detail {

/// A block handles 64 queries of one head; the blocks of a head are consecutive, so that its keys and values
/// come from the cache. Tiles of 64 keys and values are prefetched one tile ahead; scores, their softmax over
/// the keys seen so far, and the output stay in registers, 16 queries per warp.
template <class Tile>
__global__ void __launch_bounds__(tile_threads, Tile::forward_blocks)
    attention_forward_tiles(AttentionSizes s, const bfloat16* all_q, const bfloat16* all_k,
                            const bfloat16* all_v, bfloat16* all_y, float* log_sums) {
  constexpr int elements = Tile::template elements<tile_rows>;
  auto* const shared_k = dynamic_shared<bfloat16>();  // two tiles
  bfloat16* const shared_v = shared_k + 2 * elements;
  const int warp = static_cast<int>(threadIdx.x) / warp_size,
            lane = static_cast<int>(threadIdx.x) % warp_size;
  const TilePlace place(s.queries);
  const int first = place.first;
  const HeadRows<const bfloat16> q(all_q, place, s, s.queries), k(all_k, place, s, s.keys),
      v(all_v, place, s, s.keys);

  // The queries are loaded through the memory of the second tile of keys.
  load_tile<Tile, tile_rows>(shared_k + elements, q, first);
  load_tile<Tile, tile_rows>(shared_k, k, 0);
  load_tile<Tile, tile_rows>(shared_v, v, 0);
  commit_copies();
  wait_copies<0>();
  __syncthreads();
  const RowsInRegisters<Tile> left(shared_k + elements + warp * 16 * Tile::pitch);

  const float slope = log2_of_e / std::sqrt(static_cast<float>(s.width));
  float largest[2], sum[2], y[Tile::units][4];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    largest[r] = -INFINITY;
    sum[r] = 0;
  }
#pragma unroll
  for (int u = 0; u < Tile::units; ++u) {
#pragma unroll
    for (int i = 0; i < 4; ++i) y[u][i] = 0;
  }
  for (int key = 0, at = 0; key < k.rows; key += tile_rows, at = elements - at) {
    wait_copies<0>();
    __syncthreads();  // this tile has arrived, and nobody reads the other anymore
    if (key + tile_rows < k.rows) {
      load_tile<Tile, tile_rows>(shared_k + elements - at, k, key + tile_rows);
      load_tile<Tile, tile_rows>(shared_v + elements - at, v, key + tile_rows);
      commit_copies();
    }
    float p[8][4];
    multiply_transposed<Tile>(p, left, shared_k + at);
    if (key + tile_rows > k.rows) mask_columns(p, k.rows - key);
#pragma unroll
    for (int r = 0; r < 2; ++r) {  // rows lane / 4 and lane / 4 + 8
      float now = largest[r];
#pragma unroll
      for (int j = 0; j < 8; ++j) now = fmaxf(now, fmaxf(p[j][2 * r], p[j][2 * r + 1]));
      now = warp_max<4>(now);
      // The difference comes first, so it is exactly 0 where the maximum did not change, even if the compiler
      // fuses products and sums.
      const float shift = now * slope, correction = exp2_fast((largest[r] - now) * slope);
      largest[r] = now;
      sum[r] *= correction;
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int i = 2 * r; i < 2 * r + 2; ++i) {
          p[j][i] = exp2_fast(p[j][i] * slope - shift);
          sum[r] += p[j][i];
        }
      }
#pragma unroll
      for (int u = 0; u < Tile::units; ++u) {
        y[u][2 * r] *= correction;
        y[u][2 * r + 1] *= correction;
      }
    }
    std::uint32_t packed[4][4];
    pack_left(packed, p);
    multiply_add<Tile>(y, packed, shared_v + at);
  }

  float inverse[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float all = warp_sum<4>(sum[r]);
    inverse[r] = 1.0f / all;
    const int query = first + warp * 16 + lane / 4 + 8 * r;
    if (log_sums != nullptr && lane % 4 == 0 && query < q.rows)
      log_sums[place.image_head * s.queries + query] = largest[r] * (slope / log2_of_e) + std::log(all);
  }
  __syncthreads();
  store_tile<Tile>(y, inverse, shared_k + warp * 16 * Tile::pitch,
                   HeadRows<bfloat16>(all_y, place, s, s.queries), false, first + warp * 16);
}

inline void launch_attention_forward(const AttentionSizes& s, const bfloat16* q, const bfloat16* k,
                                     const bfloat16* v, bfloat16* y, float* log_sums) {
  with_head_tile(s.width, [&]<class Tile>(Tile) {
    constexpr std::size_t bytes = 4 * Tile::template elements<tile_rows> * sizeof(bfloat16);
    launch("attention", attention_forward_tiles<Tile>,
           blocks_for(s.batch * s.heads * ((s.queries + tile_rows - 1) / tile_rows), 1), tile_threads, bytes,
           s, q, k, v, y, log_sums);
  });
}

}  // namespace detail
}  // namespace pixnerd
