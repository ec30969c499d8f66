// SPDX-License-Identifier: MIT
/// \file
/// Matrix products on the CPU. The only header that includes Eigen.
///
/// A product is cut into tiles of the result by its sizes alone; each tile is one single-threaded Eigen
/// product, and long inner dimensions are cut into chunks whose partial results are added in order. So the
/// bits of a result do not depend on the number of threads.
#pragma once

// g++ 12 warns about deliberately uninitialized registers in its own AVX-512 headers (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#ifndef EIGEN_NO_CUDA
#define EIGEN_NO_CUDA  // in CUDA files Eigen would disable its vector instructions to support device code
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <pixnerd/core/memory.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// A row-major matrix in memory, possibly seen transposed: element (i, j) of the view.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t stride = 0;  ///< distance between the starts of stored rows
  bool transposed = false;

  MatrixView block(std::int64_t row, std::int64_t column) const {
    return {data + (transposed ? column * stride + row : row * stride + column), stride, transposed};
  }
};

namespace detail {

/// Instruction sets share Eigen's symbol names, so mixing them in one program is undefined behavior. Each
/// translation unit carries its own mark; the first product of each compares it with the mark of the first
/// one linked.
#if defined(__AVX512F__)
inline constexpr int instruction_set = 3;
#elif defined(__AVX2__) && defined(__FMA__)
inline constexpr int instruction_set = 2;
#elif defined(__AVX__)
inline constexpr int instruction_set = 1;
#else
inline constexpr int instruction_set = 0;
#endif

inline int& linked_instruction_set() {
  static int value = -1;
  return value;
}

namespace {
[[maybe_unused]] const bool instruction_set_recorded = [] {
  // -2 if the marks of two translation units differ.
  int& linked = linked_instruction_set();
  linked = linked == -1 || linked == instruction_set ? instruction_set : -2;
  return true;
}();
}  // namespace

/// c += a * b on the calling thread, through Eigen's blocked product. Its public product operator would also
/// instantiate vector and lazy products for every layout, which triples the time to compile.
template <class T, int OrderA, int OrderB>
void eigen_product(std::int64_t rows, std::int64_t columns, std::int64_t inner, const MatrixView<const T>& a,
                   const MatrixView<const T>& b, T* c, std::int64_t stride_c) {
  using Index = Eigen::Index;
  Eigen::internal::gemm_blocking_space<Eigen::RowMajor, T, T, Eigen::Dynamic, Eigen::Dynamic, Eigen::Dynamic>
      blocking(rows, columns, inner, 1, true);
  Eigen::internal::general_matrix_matrix_product<Index, T, OrderA, false, T, OrderB, false, Eigen::RowMajor,
                                                 1>::run(rows, columns, inner, a.data, a.stride, b.data,
                                                         b.stride, c, 1, stride_c, T(1), blocking, nullptr);
}

}  // namespace detail

/// c (rows x columns) = a (rows x inner) * b (inner x columns), or += when `add`, on the calling thread.
template <class T>
PIXNERD_NOINLINE void product_tile(std::int64_t rows, std::int64_t columns, std::int64_t inner,
                                   MatrixView<const T> a, MatrixView<const T> b, T* c, std::int64_t stride_c,
                                   bool add) {
  if (!add) {
    for (std::int64_t i = 0; i < rows; ++i) std::fill_n(c + i * stride_c, columns, T(0));
  }
  if (rows == 0 || columns == 0 || inner == 0) return;
  using Eigen::ColMajor;
  using Eigen::RowMajor;
  if (a.transposed) {
    b.transposed ? detail::eigen_product<T, ColMajor, ColMajor>(rows, columns, inner, a, b, c, stride_c)
                 : detail::eigen_product<T, ColMajor, RowMajor>(rows, columns, inner, a, b, c, stride_c);
  } else {
    b.transposed ? detail::eigen_product<T, RowMajor, ColMajor>(rows, columns, inner, a, b, c, stride_c)
                 : detail::eigen_product<T, RowMajor, RowMajor>(rows, columns, inner, a, b, c, stride_c);
  }
}

/// The same on all threads. A `bias` that is not null is a row added to every row of the result; it excludes
/// `add`. Throws Error when translation units of the program were compiled for different instruction sets.
template <class T>
PIXNERD_NOINLINE void parallel_product(std::int64_t rows, std::int64_t columns, std::int64_t inner,
                                       MatrixView<const T> a, MatrixView<const T> b, T* c,
                                       std::int64_t stride_c, bool add, const T* bias = nullptr) {
  if (detail::linked_instruction_set() == -2) {
    raise<Error>("product", "one set of CPU flags for all files of a program",
                 "files compiled for different instruction sets");
  }
  constexpr std::int64_t tile_rows = 128, tile_columns = 384, chunk = 2048;
  const std::int64_t row_tiles = (rows + tile_rows - 1) / tile_rows;
  const std::int64_t column_tiles = (columns + tile_columns - 1) / tile_columns;
  const std::int64_t tiles = row_tiles * column_tiles;
  // Splitting the inner dimension pays off only when there are few tiles.
  const std::int64_t chunks = tiles >= 16 ? 1 : std::max<std::int64_t>(1, inner / chunk);

  std::shared_ptr<std::byte> storage;  // partial results of all chunks but the first
  if (chunks > 1)
    storage = allocate_bytes<Cpu>(static_cast<std::size_t>((chunks - 1) * rows * columns) * sizeof(T));
  T* partial = reinterpret_cast<T*>(storage.get());

  parallel_for(tiles * chunks, [&](std::int64_t index) {
    const std::int64_t k = index / tiles, row = index % tiles / column_tiles * tile_rows,
                       column = index % tiles % column_tiles * tile_columns;
    const std::int64_t height = std::min(tile_rows, rows - row),
                       width = std::min(tile_columns, columns - column);
    const std::int64_t begin = k * chunk, end = k + 1 == chunks ? inner : begin + chunk;
    T* out = k == 0 ? c + row * stride_c + column : partial + ((k - 1) * rows + row) * columns + column;
    const std::int64_t stride = k == 0 ? stride_c : columns;
    const bool with_bias = k == 0 && bias != nullptr;
    if (with_bias) {
      for (std::int64_t i = 0; i < height; ++i) std::copy_n(bias + column, width, out + i * stride);
    }
    product_tile(height, width, end - begin, a.block(row, begin), b.block(begin, column), out, stride,
                 with_bias || (k == 0 && add));
  });
  if (chunks == 1) return;
  const std::int64_t grain = std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, columns));
  parallel_ranges(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T* row = c + i * stride_c;
      for (std::int64_t k = 1; k < chunks; ++k) {
        const T* source = partial + ((k - 1) * rows + i) * columns;
        for (std::int64_t j = 0; j < columns; ++j) row[j] += source[j];
      }
    }
  });
}

}  // namespace pixnerd
