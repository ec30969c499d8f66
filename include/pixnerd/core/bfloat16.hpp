// SPDX-License-Identifier: MIT
/// \file
/// bfloat16: the upper half of a float32. A storage type: arithmetic is done in float.
#pragma once

#include <cstdint>

#include <pixnerd/core/bit_cast.hpp>

namespace pixnerd {

/// One sign bit, eight exponent bits, seven mantissa bits.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;

  /// Rounds to nearest, ties to even; NaN stays NaN.
  PIXNERD_HOST_DEVICE explicit bfloat16(float value) {
    const auto word = bit_cast<std::uint32_t>(value);
    const bool is_nan = (word & 0x7fffffffu) > 0x7f800000u;
    // Adding just under half of the last kept bit, plus that bit, carries exactly when rounding up is right.
    const std::uint32_t rounded = word + 0x7fffu + ((word >> 16) & 1u);
    bits = static_cast<std::uint16_t>(is_nan ? (word >> 16) | 0x40u : rounded >> 16);
  }

  PIXNERD_HOST_DEVICE explicit operator float() const {
    return bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }

  bool operator==(const bfloat16& other) const { return float(*this) == float(other); }
};

}  // namespace pixnerd
