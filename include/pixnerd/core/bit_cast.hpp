// SPDX-License-Identifier: MIT
/// \file
/// std::bit_cast for both devices: nvcc does not allow the standard one in device code.
#pragma once

#include <pixnerd/core/annotations.hpp>

namespace pixnerd {

/// The same bits as a value of another type of the same size.
template <class To, class From>
PIXNERD_HOST_DEVICE constexpr To bit_cast(const From& from) {
  return __builtin_bit_cast(To, from);
}

}  // namespace pixnerd
