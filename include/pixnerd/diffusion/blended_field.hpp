// SPDX-License-Identifier: MIT
/// \file
/// Between two conditions: a velocity field that mixes those of two others.
#pragma once

#include <cmath>

#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/ops/weighted_sum.hpp>

namespace pixnerd {

/// v = (1 - share) first(x, t) + share second(x, t): images between two classes or two prompts, where the
/// fields are one model under two conditions. The fields are referred to, not copied.
template <class First, class Second>
class BlendedField {
 public:
  /// Throws ValueError when the share is not finite.
  BlendedField(First& first, Second& second, double share) : first_(&first), second_(&second), share_(share) {
    if (!std::isfinite(share)) raise<ValueError>("blended field", "a finite share", str_cat(share));
  }

  /// x (B, ...) -> velocity (B, ...).
  template <class T, class Device>
  Tensor<T, Device> operator()(const Tensor<T, Device>& x, double t) const {
    return weighted_sum<T, Device>(
        {{1.0 - share_, velocity_at(*first_, x, t)}, {share_, velocity_at(*second_, x, t)}});
  }

 private:
  First* first_;
  Second* second_;
  double share_;
};

}  // namespace pixnerd
