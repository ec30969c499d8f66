// SPDX-License-Identifier: MIT
/// \file
/// Copies strided elements, as PyTorch and NumPy files may store them, into row-major order.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include <pixnerd/core/shape.hpp>

namespace pixnerd::detail {

/// Brings elements of `width` bytes into row-major order: the one at index (i0, i1, ...) lies i0 strides[0] +
/// i1 strides[1] + ... elements behind `from`. `to` has room for all elements of `shape`; one that a stride
/// of 0 repeats is copied each time.
template <std::size_t width>
void gather_elements(const Shape& shape, std::span<const std::uint64_t> strides, const std::uint8_t* from,
                     std::span<std::uint8_t> to) {
  const int rank = shape.rank();
  std::int64_t at[Shape::max_rank] = {};
  std::uint64_t place = 0;
  for (std::uint64_t done = 0; done < to.size(); done += width) {
    std::memcpy(to.data() + done, from + place * width, width);
    for (int axis = rank - 1; axis >= 0; --axis) {
      const std::uint64_t stride = strides[static_cast<std::size_t>(axis)];
      place += stride;
      if (++at[axis] < shape[axis]) break;
      place -= stride * static_cast<std::uint64_t>(at[axis]);
      at[axis] = 0;
    }
  }
}

/// The same for a width that is known when the program runs: 1, 2, 4 or 8.
inline void gather_strided(const Shape& shape, std::span<const std::uint64_t> strides, std::uint64_t width,
                           const std::uint8_t* from, std::span<std::uint8_t> to) {
  switch (width) {
    case 1:
      return gather_elements<1>(shape, strides, from, to);
    case 2:
      return gather_elements<2>(shape, strides, from, to);
    case 4:
      return gather_elements<4>(shape, strides, from, to);
    default:
      return gather_elements<8>(shape, strides, from, to);
  }
}

}  // namespace pixnerd::detail
