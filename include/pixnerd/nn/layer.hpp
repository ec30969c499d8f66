// SPDX-License-Identifier: MIT
/// \file
/// What a layer is.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

namespace detail {

/// Stands for whatever a module's visit is given.
struct AnyVisitor {
  template <class Member>
  void operator()(std::string_view, Member&, std::int64_t = 0) const {}
};

}  // namespace detail

/// Something that maps a tensor of T on a device to another, and names its parameters in a static `visit`.
template <class L, class T, class Device>
concept Layer = requires(const L& layer, const Tensor<T, Device>& x) {
  { layer(x) } -> std::convertible_to<Tensor<T, Device>>;
  std::remove_cvref_t<L>::visit(layer, detail::AnyVisitor{});
};

}  // namespace pixnerd
