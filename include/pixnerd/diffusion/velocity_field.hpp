// SPDX-License-Identifier: MIT
/// \file
/// Velocity fields: what a solver integrates, and what a model becomes once its condition is fixed.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// A callable that gives the velocity dx/dt at the point x and time t: field(x, t) has the shape of x.
template <class Field, class T = float, class Device = Cpu>
concept VelocityField = requires(Field& field, const Tensor<T, Device>& x, double t) {
  { field(x, t) } -> std::same_as<Tensor<T, Device>>;
};

/// The velocity of `field` at x and t. Throws ShapeError when it has not the shape of x.
template <class T, class Device, VelocityField<T, Device> Field>
Tensor<T, Device> velocity_at(Field& field, const Tensor<T, Device>& x, double t) {
  auto v = field(x, t);
  if (!(v.shape() == x.shape())) {
    raise<ShapeError>("velocity field", str_cat("a velocity of the shape of x, ", x.shape()),
                      str_cat(v.shape()));
  }
  return v;
}

/// What a model's forward(x, t, condition, tap) calls after each transformer block with the block's index,
/// counted from 0, and its tokens (B, L, D). This one, the default, does nothing.
struct NoTap {
  template <class Tokens>
  void operator()(std::int64_t, const Tokens&) const {}
};
inline constexpr NoTap no_tap{};

}  // namespace pixnerd
