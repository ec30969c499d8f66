// SPDX-License-Identifier: MIT
// A test's input as the weight of a norm, which is float32 where everything else is bfloat16.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include <pixnerd/autograd/grad_slot.hpp>

namespace pixnerd {

/// The numbers of x in wide_t<T>, with the gradient slot of x, and at a multiple of 16 bytes only if x is.
template <class T, class Device>
Tensor<wide_t<T>, Device> norm_weight(const Tensor<T, Device>& x) {
  using W = wide_t<T>;
  if constexpr (std::is_same_v<T, W>) {
    return x;
  } else {
    const std::int64_t before = reinterpret_cast<std::uintptr_t>(x.data()) % 16 == 0 ? 0 : 1;
    std::vector<W> values(static_cast<std::size_t>(before));
    for (const T value : x.to_host()) values.push_back(static_cast<W>(value));
    const auto all = Tensor<W, Device>::from_host({before + x.count()}, values);
    auto weight = all.rows(before, before + x.count()).reshape(x.shape());
    weight.set_slot(x.slot());
    return weight;
  }
}

}  // namespace pixnerd
