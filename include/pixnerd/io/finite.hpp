// SPDX-License-Identifier: MIT
/// \file
/// Finds NaN and infinity in files of tensors.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include <pixnerd/io/tensor_file.hpp>

namespace pixnerd {

/// An element of a file that is NaN or infinite.
struct NonFiniteElement {
  std::string name;       ///< of its tensor
  std::uint64_t index{};  ///< among the tensor's elements, row-major
  double value{};
};

/// The first element of the first floating-point tensor that is NaN or infinite, in the order of the file;
/// none where all numbers are finite. Reads the whole tensor, in pieces where the format allows. Throws
/// FileError when it cannot be read.
inline std::optional<NonFiniteElement> first_non_finite(const TensorFile& file) {
  std::optional<NonFiniteElement> found;
  for (const auto& entry : file.entries()) {
    std::uint64_t index = 0;
    file.for_each_piece(entry, [&](std::span<const std::uint8_t> bytes) {
      if (found) return;
      detail::visit_tensor_type(entry.type, [&]<class Source>(Source value) {
        if constexpr (detail::is_convertible_to<double, Source>) {
          for (std::size_t at = 0; at < bytes.size() && !found; at += sizeof value, ++index) {
            std::memcpy(&value, bytes.data() + at, sizeof value);
            double number = 0;
            detail::convert_element(value, number);
            if (!std::isfinite(number)) found = {entry.name, index, number};
          }
        }
      });
    });
    if (found) break;
  }
  return found;
}

}  // namespace pixnerd
