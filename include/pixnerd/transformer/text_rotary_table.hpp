// SPDX-License-Identifier: MIT
/// \file
/// The rotary position table of a sequence of text tokens.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Angles position * theta^(-2i/d), i = 0 ... d/2 - 1: (L, d), a row holding the cosines, then the sines.
/// Throws ValueError for an odd d or a theta that is not positive.
template <class T, class Device>
Tensor<T, Device> text_rotary_table(std::int64_t length, std::int64_t head_width, double theta) {
  if (head_width < 2 || head_width % 2 != 0 || !(theta > 0)) {
    raise<ValueError>("text_rotary_table", "an even head width and a positive theta",
                      str_cat(head_width, " and ", theta));
  }
  std::vector<T> values(static_cast<std::size_t>(length * head_width));
  const std::int64_t half = head_width / 2;
  for (std::int64_t position = 0; position < length; ++position) {
    T* const row = values.data() + position * head_width;
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position) *
                           std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_width));
      row[i] = static_cast<T>(std::cos(angle));
      row[half + i] = static_cast<T>(std::sin(angle));
    }
  }
  return Tensor<T, Device>::from_host({length, head_width}, values);
}

}  // namespace pixnerd
