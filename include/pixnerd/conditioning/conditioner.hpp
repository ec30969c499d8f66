// SPDX-License-Identifier: MIT
/// \file
/// What turns conditions into the text features that a text-to-image model takes.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Turns conditions of a batch, C::Condition, into text features (B, n, text width), and names its parameters
/// in a static `visit`. null_condition(B) says nothing B times: what guidance moves away from and training
/// drops conditions to.
template <class C, class W, class Device>
concept Conditioner = requires(const C& conditioner, const typename C::Condition& condition) {
  { conditioner(condition) } -> std::convertible_to<Tensor<W, Device>>;
  { conditioner.null_condition(std::int64_t{}) } -> std::same_as<typename C::Condition>;
};

}  // namespace pixnerd
