// SPDX-License-Identifier: MIT
/// \file
/// NumPy's broadcasting: the shape of the result, and the loops over it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <pixnerd/core/shape.hpp>

namespace pixnerd {

/// The shape of an elementwise operation's result. Shapes are aligned at the innermost axis; in each axis the
/// sizes are equal or one of them is 1 or missing. Throws ShapeError in the name of `op` otherwise.
inline Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b) {
  Shape out;
  const int rank = std::max(a.rank(), b.rank());
  for (int axis = -rank; axis < 0; ++axis) {
    const std::int64_t size_a = -axis <= a.rank() ? a[axis] : 1, size_b = -axis <= b.rank() ? b[axis] : 1;
    if (size_a != size_b && size_a != 1 && size_b != 1) {
      raise<ShapeError>(op, "equal sizes, or 1, in every axis", str_cat(a, " and ", b));
    }
    out.push_back(size_a == 1 ? size_b : size_a);
  }
  return out;
}

/// The loops over the result of broadcasting a with b. Neighboring axes are merged into one loop where
/// possible: equal shapes give a single loop, (B, L, D) with (D) gives two.
struct BroadcastLoops {
  int rank = 0;  ///< at least 1 once built
  std::array<std::int64_t, Shape::max_rank> size{};
  std::array<std::int64_t, Shape::max_rank> stride_a{};  ///< 0 where a is repeated
  std::array<std::int64_t, Shape::max_rank> stride_b{};

  /// `out` is broadcast_shape(a, b).
  BroadcastLoops(const Shape& out, const Shape& a, const Shape& b) {
    // Innermost first, reversed at the end.
    std::int64_t step_a = 1, step_b = 1;
    for (int axis = -1; axis >= -out.rank(); --axis) {
      const std::int64_t size_a = -axis <= a.rank() ? a[axis] : 1, size_b = -axis <= b.rank() ? b[axis] : 1;
      if (out[axis] != 1) append(out[axis], size_a == 1 ? 0 : step_a, size_b == 1 ? 0 : step_b);
      step_a *= size_a;
      step_b *= size_b;
    }
    if (rank == 0) append(1, 1, 1);
    std::reverse(size.begin(), size.begin() + rank);
    std::reverse(stride_a.begin(), stride_a.begin() + rank);
    std::reverse(stride_b.begin(), stride_b.begin() + rank);
  }

  std::int64_t count() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= size[axis];
    return product;
  }

  /// Calls body(i, a, b, n) for the pieces of the innermost loop that make up elements [begin, end): n
  /// elements of the result starting at i, whose operands start at a and b.
  template <class Body>
  void for_pieces(std::int64_t begin, std::int64_t end, Body&& body) const {
    const int inner = rank - 1;
    while (begin < end) {
      std::int64_t row = begin / size[inner];
      const std::int64_t column = begin % size[inner], n = std::min(size[inner] - column, end - begin);
      std::int64_t a = column * stride_a[inner], b = column * stride_b[inner];
      for (int axis = inner - 1; axis >= 0; --axis) {
        a += row % size[axis] * stride_a[axis];
        b += row % size[axis] * stride_b[axis];
        row /= size[axis];
      }
      body(begin, a, b, n);
      begin += n;
    }
  }

  /// The same loops with a and b exchanged.
  BroadcastLoops exchanged() const {
    BroadcastLoops out = *this;
    std::swap(out.stride_a, out.stride_b);
    return out;
  }

 private:
  void append(std::int64_t n, std::int64_t a, std::int64_t b) {
    if (rank > 0 && a == stride_a[rank - 1] * size[rank - 1] && b == stride_b[rank - 1] * size[rank - 1]) {
      size[rank - 1] *= n;
      return;
    }
    size[rank] = n;
    stride_a[rank] = a;
    stride_b[rank] = b;
    ++rank;
  }
};

}  // namespace pixnerd
