/// \file
/// What a layer is.
#pragma once

#include <concepts>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Something that maps a tensor of T on a device to another, and names its parameters in a static `visit`.
template <class L, class T, class Device>
concept Layer = requires(const L& layer, const Tensor<T, Device>& x) {
  { layer(x) } -> std::convertible_to<Tensor<T, Device>>;
};

}  // namespace pixnerd
