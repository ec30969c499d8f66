// SPDX-License-Identifier: MIT
/// \file
/// Shapes of tensors: up to eight sizes, row-major.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include <pixnerd/core/annotations.hpp>
#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// Sizes of a tensor's axes, outermost first. A shape without axes is a scalar and has one element.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  PIXNERD_NOINLINE Shape(std::initializer_list<std::int64_t> sizes) {
    for (const auto size : sizes) push_back(size);
  }

  int rank() const { return rank_; }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }

  /// Size of an axis; negative axes count from the end, so shape[-1] is the innermost.
  std::int64_t operator[](int axis) const { return sizes_[checked(axis)]; }
  std::int64_t& operator[](int axis) { return sizes_[checked(axis)]; }

  /// Appends an innermost axis. Throws ShapeError for a negative size, a ninth axis, or 2^63 or more
  /// elements.
  PIXNERD_NOINLINE void push_back(std::int64_t size) {
    if (size < 0) raise<ShapeError>("shape", "sizes of at least 0", std::to_string(size));
    if (rank_ == max_rank) raise<ShapeError>("shape", str_cat("at most ", max_rank, " axes"), "more");
    sizes_[rank_++] = size;
    (void)count();
  }

  /// Number of elements.
  PIXNERD_NOINLINE std::int64_t count() const {
    // A size of 0 makes the product 0, however large the others are.
    for (const auto size : *this) {
      if (size == 0) return 0;
    }
    std::int64_t product = 1;
    for (const auto size : *this) {
      if (product > std::numeric_limits<std::int64_t>::max() / size) {
        raise<ShapeError>("shape", "fewer than 2^63 elements", string());
      }
      product *= size;
    }
    return product;
  }

  /// Product of the sizes of axes [first, last).
  std::int64_t count(int first, int last) const {
    std::int64_t product = 1;
    for (int axis = first; axis < last; ++axis) product *= sizes_[axis];
    return product;
  }

  /// The product of all axes but the innermost: the number of rows of length shape[-1].
  std::int64_t rows() const { return rank_ == 0 ? 1 : count(0, rank_ - 1); }

  PIXNERD_NOINLINE bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int axis = 0; axis < rank_; ++axis) {
      if (sizes_[axis] != other.sizes_[axis]) return false;
    }
    return true;
  }

  /// "(2, 3, 16)".
  PIXNERD_COLD std::string string() const {
    std::string out = "(";
    for (int axis = 0; axis < rank_; ++axis) out += str_cat(axis == 0 ? "" : ", ", sizes_[axis]);
    return out + ")";
  }

 private:
  PIXNERD_NOINLINE int checked(int axis) const {
    const int index = axis < 0 ? axis + rank_ : axis;
    if (index < 0 || index >= rank_) {
      raise<ShapeError>("shape", str_cat("an axis of a tensor of rank ", rank_),
                        str_cat("axis ", axis, " of ", string()));
    }
    return index;
  }

  std::array<std::int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

inline void append_to(std::string& out, const Shape& shape) {
  out += shape.string();
}

}  // namespace pixnerd
