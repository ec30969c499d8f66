// SPDX-License-Identifier: MIT
/// \file
/// The version of the library.
#pragma once

namespace pixnerd {

/// The same as the version of the CMake package.
inline constexpr const char* version = "0.2.0";

}  // namespace pixnerd
