// SPDX-License-Identifier: MIT
/// \file
/// Lookup of rows of a table on the GPU.
///
/// An index out of range throws ValueError as on the CPU; for that, the indices are copied back. Nothing can
/// be copied back while work is captured into a graph: there, and whenever the graph runs, such an index
/// gives a row of NaN and no gradient, so the loss becomes NaN, which the training step reports.
#pragma once

#include <cmath>
#include <vector>

#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/ops/embedding.hpp>

namespace pixnerd {

namespace detail {

/// `count` pieces of `width` elements, `units` per row.
template <int width, class T>
__global__ void embedding_forward(std::int64_t count, std::int64_t units, std::int64_t rows, const T* table,
                                  const std::int64_t* indices, T* y) {
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [i, unit] = divide(index, units);
  const std::int64_t row = indices[i];
  wide_t<T> values[width];
  if (row >= 0 && row < rows) {
    load_wide<width>(table + (row * units + unit) * width, values);
  } else {
#pragma unroll
    for (int j = 0; j < width; ++j) values[j] = static_cast<wide_t<T>>(NAN);
  }
  put_wide<width>(GradTarget<T>{y}, index * width, values);
}

inline constexpr int embedding_columns = 4;  // per thread

/// A warp handles 128 columns of one row of the table. It searches 32 indices at a time for the row's number
/// and adds the gradients that belong to it in order.
template <class T>
__global__ void embedding_backward(std::int64_t rows, std::int64_t tiles, std::int64_t width,
                                   std::int64_t count, const std::int64_t* indices, const T* grad_y,
                                   GradTarget<wide_t<T>> grad_table) {
  const std::int64_t lane = threadIdx.x;
  const auto [row, tile] = divide(std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y, tiles);
  if (row >= rows) return;  // true for whole warps
  const std::int64_t first = tile * embedding_columns * warp_size + lane;
  wide_t<T> sums[embedding_columns] = {};
  bool found = false;
  for (std::int64_t begin = 0; begin < count; begin += warp_size) {
    const bool mine = begin + lane < count && indices[begin + lane] == row;
    for (unsigned matches = __ballot_sync(whole_warp, mine); matches != 0; matches &= matches - 1) {
      const std::int64_t i = begin + __ffs(static_cast<int>(matches)) - 1;
      if (!found && grad_table.add) {
#pragma unroll
        for (int k = 0; k < embedding_columns; ++k) {
          const std::int64_t column = first + k * warp_size;
          if (column < width) sums[k] = grad_table.data[row * width + column];
        }
      }
      found = true;
#pragma unroll
      for (int k = 0; k < embedding_columns; ++k) {
        const std::int64_t column = first + k * warp_size;
        if (column < width) sums[k] += static_cast<wide_t<T>>(grad_y[i * width + column]);
      }
    }
  }
  if (!found && grad_table.add) return;
#pragma unroll
  for (int k = 0; k < embedding_columns; ++k) {
    const std::int64_t column = first + k * warp_size;
    if (column < width) grad_table.data[row * width + column] = sums[k];
  }
}

}  // namespace detail

template <>
struct EmbeddingKernel<Cuda> {
  /// Copies `count` indices back, which waits for all earlier work, and throws ValueError for one outside [0,
  /// rows).
  static void check_indices(std::int64_t rows, std::int64_t count, const std::int64_t* indices) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    MemoryTransfer<Cuda>::to_host(values.data(), indices, values.size() * sizeof(std::int64_t));
    detail::check_indices(rows, count, values.data());
  }

  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, std::int64_t count, const T* table,
                      const std::int64_t* indices, T* y) {
    if (count == 0) return;
    if (!cuda_is_capturing()) check_indices(rows, count, indices);
    constexpr int packet = packet_width<T>, threads = 256;
    const auto run = [&](auto kernel, std::int64_t units) {
      launch("embedding", kernel, blocks_for(count * units, threads), threads, 0, count * units, units, rows,
             table, indices, y);
    };
    if (width % packet == 0 && detail::fit_packets(table, y)) {
      run(detail::embedding_forward<packet, T>, width / packet);
    } else {
      run(detail::embedding_forward<1, T>, width);
    }
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, std::int64_t count, const std::int64_t* indices,
                       const T* grad_y, GradTarget<wide_t<T>> grad_table) {
    constexpr std::int64_t columns = detail::embedding_columns * warp_size, warps = 8;
    const std::int64_t tiles = (width + columns - 1) / columns;
    launch("embedding", detail::embedding_backward<T>, blocks_for(rows * tiles, warps),
           dim3(warp_size, warps), 0, rows, tiles, width, count, indices, grad_y, grad_table);
  }
};

}  // namespace pixnerd
