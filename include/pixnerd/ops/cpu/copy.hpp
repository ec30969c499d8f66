// SPDX-License-Identifier: MIT
/// \file
/// Copies of parts of tensors on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// The layout of rows in memory: row r starts at element first + r * stride.
struct RowLayout {
  std::int64_t first = 0;
  std::int64_t stride = 0;
};

/// Writes or adds `rows` rows of `width` elements.
template <class T>
void copy_rows(std::int64_t rows, std::int64_t width, const T* from, RowLayout from_rows, GradTarget<T> to,
               RowLayout to_rows) {
  // Long rows are cut as well, so that several threads share a single one.
  constexpr std::int64_t piece = 16384;
  const std::int64_t pieces = (width + piece - 1) / piece;
  const std::int64_t grain = std::max<std::int64_t>(1, piece / std::max<std::int64_t>(1, width));
  parallel_ranges(rows * pieces, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t row = index / pieces, first = index % pieces * piece,
                         n = std::min(piece, width - first);
      const T* source = from + from_rows.first + row * from_rows.stride + first;
      const GradTarget<T> target{to.data + to_rows.first + row * to_rows.stride + first, to.add};
      for (std::int64_t i = 0; i < n; ++i) target.put(i, source[i]);
    }
  });
}

/// The index of an axis, outermost first; negative axes count from the innermost. Throws ShapeError, which
/// names `op`, if there is no such axis.
inline int axis_index(const char* op, const Shape& shape, int axis) {
  const int index = axis < 0 ? axis + shape.rank() : axis;
  if (index < 0 || index >= shape.rank()) {
    raise<ShapeError>(op, str_cat("an axis of a tensor of rank ", shape.rank()),
                      str_cat("axis ", axis, " of ", shape));
  }
  return index;
}

}  // namespace pixnerd
