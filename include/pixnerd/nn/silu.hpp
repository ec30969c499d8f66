// SPDX-License-Identifier: MIT
/// \file
/// SiLU as a layer without parameters, to stand in a Sequential.
#pragma once

#include <pixnerd/ops/silu.hpp>

namespace pixnerd {

/// y = x / (1 + e^-x).
struct Silu {
  template <class T, class Device>
  Tensor<T, Device> operator()(const Tensor<T, Device>& x) const {
    return silu(x);
  }

  static void visit(auto&, auto&&) {}
};

}  // namespace pixnerd
