// SPDX-License-Identifier: MIT
/// \file
/// The version of the library.
#pragma once

namespace pixnerd {

/// The same number as the CMake package has.
inline constexpr const char* version = "0.2.0";

}  // namespace pixnerd
