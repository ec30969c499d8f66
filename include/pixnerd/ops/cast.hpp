// SPDX-License-Identifier: MIT
/// \file
/// Conversion between element types.
#pragma once

#include <concepts>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

template <class Device>
struct CastKernel : MissingKernel<Device> {};

template <>
struct CastKernel<Cpu> {
  template <class From, class To>
  static void run(std::int64_t count, const From* x, GradTarget<To> y) {
    parallel_ranges(count, 16384, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y.put(i, static_cast<To>(static_cast<wide_t<From>>(x[i])));
    });
  }
};

/// Converts elements to U, rounding to nearest; float64 becomes bfloat16 by way of float32. Any shape. The
/// gradient is converted back. A tensor that already has the type is returned as it is. Saves nothing.
template <Element U, Element T, class Device>
Tensor<U, Device> cast(const Tensor<T, Device>& x) {
  if constexpr (std::same_as<U, T>) {
    return x;
  } else {
    using kernel = CastKernel<Device>;
    Tensor<U, Device> y(x.shape());
    kernel::run(x.count(), x.data(), GradTarget<U>{y.data()});
    if (needs_grad(x)) {
      record(y, [slot = x.slot()](const Tensor<U, Device>& grad_y) {
        kernel::run(grad_y.count(), static_cast<const U*>(grad_y.data()), grad_target<T>(slot));
      });
    }
    return y;
  }
}

}  // namespace pixnerd
