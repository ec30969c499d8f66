// SPDX-License-Identifier: MIT
/// \file
/// A run-time number of equal layers, one after the other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/nn/layer.hpp>

namespace pixnerd {

/// y = layer_n(... layer_1(x)). Depth is a loop, so compile time does not grow with it. Names are "0. ...",
/// "1. ...".
template <class Inner>
struct Repeat {
  std::vector<Inner> layers;

  /// Builds `depth` layers by calling make().
  template <class Make>
  Repeat(std::int64_t depth, Make make) {
    layers.reserve(static_cast<std::size_t>(depth));
    for (std::int64_t i = 0; i < depth; ++i) layers.push_back(make());
  }

  template <class T, class Device>
    requires Layer<Inner, T, Device> Tensor<T, Device>
  operator()(Tensor<T, Device> x) const {
    for (const auto& layer : layers) x = layer(x);
    return x;
  }

  static void visit(auto& self, auto&& visitor) {
    std::size_t index = 0;
    for (auto& layer : self.layers) visitor(std::to_string(index++), layer);
  }
};

}  // namespace pixnerd
