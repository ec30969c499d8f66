// SPDX-License-Identifier: MIT
/// \file
/// Width of an attention head.
#pragma once

#include <cstdint>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// width / heads. Throws ValueError, in the name of `layer`, unless heads divide the width.
inline std::int64_t head_width(const char* layer, std::int64_t width, std::int64_t heads) {
  if (heads < 1 || width % heads != 0) {
    raise<ValueError>(layer, "a number of heads that divides the width",
                      str_cat(heads, " heads for width ", width));
  }
  return width / heads;
}

}  // namespace pixnerd
