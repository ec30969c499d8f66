// SPDX-License-Identifier: MIT
/// \file
/// A layer with a shortcut around it.
#pragma once

#include <utility>

#include <pixnerd/nn/layer.hpp>
#include <pixnerd/ops/elementwise.hpp>

namespace pixnerd {

/// y = x + inner(x). The inner layer's parameters keep their names.
template <class Inner>
struct Residual {
  Inner inner;

  explicit Residual(Inner layer) : inner(std::move(layer)) {}

  template <class T, class Device>
    requires Layer<Inner, T, Device> Tensor<T, Device>
  operator()(const Tensor<T, Device>& x) const { return add(x, inner(x)); }

  static void visit(auto& self, auto&& visitor) { Inner::visit(self.inner, visitor); }
};

}  // namespace pixnerd
