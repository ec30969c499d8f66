// SPDX-License-Identifier: MIT
/// \file
/// Layers of different types, one after the other.
#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <utility>

#include <pixnerd/nn/layer.hpp>

namespace pixnerd {

/// y = last(... first(x)). The parameters of layer i are named "i. ...", layers without parameters counted
/// too.
template <class... Layers>
struct Sequential {
  std::tuple<Layers...> layers;

  explicit Sequential(Layers... l) : layers(std::move(l)...) {}

  template <class T, class Device>
    requires(sizeof...(Layers) > 0)
  Tensor<T, Device>
  operator()(const Tensor<T, Device>& x) const { return apply_from<0>(x); }

  static void visit(auto& self, auto&& visitor) {
    std::size_t index = 0;
    std::apply([&](auto&... layer) { (visitor(std::to_string(index++), layer), ...); }, self.layers);
  }

 private:
  template <std::size_t index, class T, class Device>
  Tensor<T, Device> apply_from(const Tensor<T, Device>& x) const {
    const auto& layer = std::get<index>(layers);
    static_assert(Layer<decltype(layer), T, Device>,
                  "every part of a Sequential must be callable with a tensor, return one of the same type, "
                  "and have a static visit");
    if constexpr (index + 1 == sizeof...(Layers)) {
      return layer(x);
    } else {
      return apply_from<index + 1>(layer(x));
    }
  }
};

}  // namespace pixnerd
