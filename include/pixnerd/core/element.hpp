// SPDX-License-Identifier: MIT
/// \file
/// Element types of tensors, and the type in which each of them is summed.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/core/bfloat16.hpp>

namespace pixnerd {

/// Element types of differentiable tensors.
template <class T>
concept Element = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, bfloat16>;

namespace detail {
template <class T>
struct wide {
  using type = T;
};
template <>
struct wide<bfloat16> {
  using type = float;
};
}  // namespace detail

/// The type of statistics, sums and parameter gradients of T: float for bfloat16, otherwise T itself.
template <Element T>
using wide_t = typename detail::wide<T>::type;

/// Names for messages.
template <class T>
constexpr const char* element_name = "unknown";
template <>
inline constexpr const char* element_name<float> = "float32";
template <>
inline constexpr const char* element_name<double> = "float64";
template <>
inline constexpr const char* element_name<bfloat16> = "bfloat16";
template <>
inline constexpr const char* element_name<std::int64_t> = "int64";

}  // namespace pixnerd
