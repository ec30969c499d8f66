// SPDX-License-Identifier: MIT
/// \file
/// Building blocks of attention on tensor cores: tiles of one head's rows in shared memory, and their
/// products in registers.
///
/// A block has 4 warps of 16 rows each. A row's `width` elements form units of 8 elements, 16 bytes each.
#pragma once

#include <cmath>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/mma.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/attention.hpp>

namespace pixnerd {
namespace detail {

inline constexpr int tile_threads = 128;
inline constexpr int tile_rows = 64;  // 16 for each warp
inline constexpr float log2_of_e = 1.4426950408889634f;

/// Rows of up to `units_` units, padded with zeros to a multiple of 16 elements. Rows are an odd number of
/// 16-byte units apart, so that the eight rows of a matrix are in different banks.
template <int units_>
struct HeadTile {
  static constexpr int units = units_;
  static constexpr int steps = (units + 1) / 2;  // of 16 elements
  static constexpr int pitch = (2 * steps + 1) * 8;
  template <int rows>
  static constexpr int elements = rows* pitch;
  /// Blocks per multiprocessor: as many as have enough registers for everything they keep.
  static constexpr int forward_blocks = units == 8 ? 4 : units <= 10 ? 3 : 2;
  static constexpr int key_blocks = units <= 9 ? 3 : 2;
  static constexpr int query_blocks = units <= 10 ? 3 : 2;
  static constexpr int dot_blocks = units <= 10 ? 4 : 2;
};

/// The work of a block: 64 of the `length` rows of one head of one image.
struct TilePlace {
  std::uint32_t image_head;
  int first;

  __device__ explicit TilePlace(std::int64_t length) {
    const auto tiles = static_cast<std::uint32_t>((length + tile_rows - 1) / tile_rows);
    image_head = blockIdx.x / tiles;
    first = static_cast<int>(blockIdx.x % tiles) * tile_rows;
  }
  /// The start of the head's rows in an array with `length` rows per image.
  __device__ std::int64_t start(const AttentionSizes& s, std::int64_t length) const {
    const auto heads = static_cast<std::uint32_t>(s.heads);
    return (image_head / heads * length * s.heads + image_head % heads) * s.width;
  }
};

/// The rows of one head of one image in global memory.
template <class T>
struct HeadRows {
  T* data;
  int stride, rows, units;

  __device__ HeadRows(T* all, const TilePlace& place, const AttentionSizes& s, std::int64_t length)
      : data(all + place.start(s, length)),
        stride(static_cast<int>(s.heads * s.width)),
        rows(static_cast<int>(length)),
        units(static_cast<int>(s.width / 8)) {}

  __device__ T* at(int row, int unit) const { return data + std::int64_t{row} * stride + unit * 8; }
};

/// Starts to copy `rows` rows starting at row `first`; rows that do not exist become zero. Eight threads per
/// row, so that each thread keeps one address and the others are at fixed distances.
template <class Tile, int rows>
__device__ inline void load_tile(bfloat16* shared, const HeadRows<const bfloat16>& from, int first) {
  constexpr int row_units = 2 * Tile::steps, pass_rows = tile_threads / 8;
  const int row = static_cast<int>(threadIdx.x) / 8, unit = static_cast<int>(threadIdx.x) % 8;
  bfloat16* const to = shared + row * Tile::pitch + unit * 8;
  const bfloat16* const source = from.at(first + row, unit);
#pragma unroll
  for (int pass = 0; pass < rows; pass += pass_rows) {
#pragma unroll
    for (int part = 0; part < row_units; part += 8) {
      if (unit + part < row_units) {
        copy_async(to + pass * Tile::pitch + part * 8, source + std::int64_t{pass} * from.stride + part * 8,
                   first + row + pass < from.rows && unit + part < from.units);
      }
    }
  }
}

/// The address that a lane passes to load 16 x 16 elements: as a left factor, or transposed as a right one.
template <class Tile>
__device__ inline int lane_of_square() {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  return lane % 16 * Tile::pitch + lane / 16 * 8;
}

/// The address that a lane passes to load two right factors, 8 rows of 16 elements each.
template <class Tile>
__device__ inline int lane_of_rows() {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  return (lane % 8 + lane / 16 * 8) * Tile::pitch + lane / 8 % 2 * 8;
}

/// A warp's 16 rows as the left factor of products, held in registers.
template <class Tile>
struct RowsInRegisters {
  std::uint32_t values[Tile::steps][4];

  __device__ explicit RowsInRegisters(const bfloat16* rows) {
#pragma unroll
    for (int s = 0; s < Tile::steps; ++s) load_matrices(values[s], rows + lane_of_square<Tile>() + s * 16);
  }
  __device__ void get(int s, std::uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = values[s][i];
  }
};

/// The same, read from shared memory each time, for when registers are scarce.
template <class Tile>
struct RowsInShared {
  const bfloat16* rows;

  __device__ explicit RowsInShared(const bfloat16* first) : rows(first + lane_of_square<Tile>()) {}
  __device__ void get(int s, std::uint32_t (&a)[4]) const { load_matrices(a, rows + s * 16); }
};

/// c (16 x 8n) = left (16 x width) times the transpose of 8n rows.
template <class Tile, int n, class Left>
__device__ inline void multiply_transposed(float (&c)[n][4], const Left& left, const bfloat16* rows) {
  const bfloat16* at = rows + lane_of_rows<Tile>();
#pragma unroll
  for (int j = 0; j < n; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) c[j][i] = 0;
  }
#pragma unroll
  for (int s = 0; s < Tile::steps; ++s) {
    std::uint32_t a[4];
    left.get(s, a);
#pragma unroll
    for (int j = 0; j < n; j += 2) {
      std::uint32_t r[4];
      load_matrices(r, at + j * 8 * Tile::pitch + s * 16);
      const std::uint32_t even[2] = {r[0], r[1]}, odd[2] = {r[2], r[3]};
      mma_bfloat16(c[j], a, even);
      mma_bfloat16(c[j + 1], a, odd);
    }
  }
}

/// c (16 x width) += p (16 x 16k) times 16k rows.
template <class Tile, int k>
__device__ inline void multiply_add(float (&c)[Tile::units][4], const std::uint32_t (&p)[k][4],
                                    const bfloat16* rows) {
  const bfloat16* at = rows + lane_of_square<Tile>();
#pragma unroll
  for (int s = 0; s < k; ++s) {
#pragma unroll
    for (int u = 0; u < Tile::units; u += 2) {
      std::uint32_t r[4];
      load_matrices_transposed(r, at + s * 16 * Tile::pitch + u * 8);
      const std::uint32_t even[2] = {r[0], r[1]}, odd[2] = {r[2], r[3]};
      mma_bfloat16(c[u], p[s], even);
      if (u + 1 < Tile::units) mma_bfloat16(c[u + 1], p[s], odd);
    }
  }
}

/// A product's result, rounded, as the left factor of the next.
template <int k>
__device__ inline void pack_left(std::uint32_t (&a)[k][4], const float (&c)[2 * k][4]) {
#pragma unroll
  for (int s = 0; s < k; ++s) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&from)[4] = c[2 * s + i / 2];
      a[s][i] = pack_bfloat16(from[i % 2 * 2], from[i % 2 * 2 + 1]);
    }
  }
}

/// Columns from `valid` on become minus infinity.
template <int n>
__device__ inline void mask_columns(float (&c)[n][4], int valid) {
  const int first = static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int j = 0; j < n; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (j * 8 + first + i % 2 >= valid) c[j][i] = -INFINITY;
    }
  }
}

/// Writes or adds a warp's 16 rows, row r times factor[r / 8], to the rows of a head starting at `first`.
/// They go through the warp's own 16 rows of shared memory, so that accesses are 16 bytes.
template <class Tile>
__device__ inline void store_tile(const float (&c)[Tile::units][4], const float (&factor)[2],
                                  bfloat16* shared, const HeadRows<bfloat16>& to, bool add, int first) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
  for (int u = 0; u < Tile::units; ++u) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      auto* pair = reinterpret_cast<std::uint32_t*>(shared + (lane / 4 + 8 * r) * Tile::pitch + u * 8);
      pair[lane % 4] = pack_bfloat16(c[u][2 * r] * factor[r], c[u][2 * r + 1] * factor[r]);
    }
  }
  __syncwarp();
  for (int i = lane; i < 16 * Tile::units; i += warp_size) {
    const int row = i / Tile::units, unit = i % Tile::units;
    if (first + row >= to.rows || unit >= to.units) continue;
    uint4 value = *reinterpret_cast<const uint4*>(shared + row * Tile::pitch + unit * 8);
    auto* out = reinterpret_cast<uint4*>(to.at(first + row, unit));
    if (add) {
      const uint4 old = *out;
      const auto sum = [](std::uint32_t a, std::uint32_t b) {
        return pack_bfloat16(first_bfloat16(a) + first_bfloat16(b), second_bfloat16(a) + second_bfloat16(b));
      };
      value.x = sum(old.x, value.x);
      value.y = sum(old.y, value.y);
      value.z = sum(old.z, value.z);
      value.w = sum(old.w, value.w);
    }
    *out = value;
  }
  __syncwarp();
}

/// Calls launch(HeadTile) with the smallest tile for a head width that is a multiple of 8 up to 128.
template <class Launch>
void with_head_tile(std::int64_t width, Launch launch) {
  if (width <= 16) return launch(HeadTile<2>{});
  if (width <= 32) return launch(HeadTile<4>{});
  if (width <= 48) return launch(HeadTile<6>{});
  if (width <= 64) return launch(HeadTile<8>{});
  if (width <= 72) return launch(HeadTile<9>{});
  if (width <= 80) return launch(HeadTile<10>{});
  if (width <= 96) return launch(HeadTile<12>{});
  if (width <= 112) return launch(HeadTile<14>{});
  launch(HeadTile<16>{});
}

}  // namespace detail
}  // namespace pixnerd
