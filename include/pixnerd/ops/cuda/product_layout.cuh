// SPDX-License-Identifier: MIT
/// \file
/// Maps products of row-major matrices to a library that knows only column-major ones.
///
/// A row-major matrix read by columns is its transpose. So the library computes c^T = b^T a^T, and neither
/// operands nor result are moved.
#pragma once

#include <cstdint>

namespace pixnerd {

/// c (rows x columns) = a (rows x inner) * b (inner x columns), `batch` times.
struct ProductSizes {
  std::int64_t rows = 0, columns = 0, inner = 0, batch = 1;
};

/// An operand in memory: stored rows are `stride` elements apart, matrices `batch_stride`, which may be 0. A
/// transposed operand is stored as its transpose.
template <class T>
struct ProductOperand {
  const T* data = nullptr;
  std::int64_t stride = 0;
  bool transposed = false;
  std::int64_t batch_stride = 0;
};

/// Where a product is written, or added to what is there.
template <class R>
struct ProductResult {
  R* data = nullptr;
  std::int64_t stride = 0;
  bool add = false;
  std::int64_t batch_stride = 0;
};

namespace detail {

/// A stored column-major matrix, element (i, j) at i + j * leading, and whether its transpose is meant.
struct ColumnMajorMatrix {
  std::int64_t rows = 0, columns = 0, leading = 0, batch_stride = 0;
  bool transposed = false;
};

/// result (m x n) = first (m x k) * second (k x n), each after its transposition.
struct ColumnMajorProduct {
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  ColumnMajorMatrix first, second, result;
};

/// The transpose of a row-major matrix (rows x columns) as the library sees it.
inline ColumnMajorMatrix transpose_of_row_major(std::int64_t rows, std::int64_t columns, std::int64_t stride,
                                                bool transposed, std::int64_t batch_stride) {
  // Memory holds (columns x rows) if the operand is stored transposed. It is read by columns.
  if (transposed) return {rows, columns, stride, batch_stride, true};
  return {columns, rows, stride, batch_stride, false};
}

/// The column-major product whose memory is that of the row-major one. The library's first operand is b.
template <class T, class R>
ColumnMajorProduct column_major(const ProductSizes& s, const ProductOperand<T>& a, const ProductOperand<T>& b,
                                const ProductResult<R>& c) {
  return {s.columns,
          s.rows,
          s.inner,
          s.batch,
          transpose_of_row_major(s.inner, s.columns, b.stride, b.transposed, b.batch_stride),
          transpose_of_row_major(s.rows, s.inner, a.stride, a.transposed, a.batch_stride),
          transpose_of_row_major(s.rows, s.columns, c.stride, false, c.batch_stride)};
}

}  // namespace detail
}  // namespace pixnerd
