// SPDX-License-Identifier: MIT
/// \file
/// Elementwise operations of one input on the CPU.
#pragma once

#include <cstdint>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// y = Formula::value(x), computed in wide_t<T>. Both devices take the formula: static PIXNERD_FORMULA
/// functions value(x) and slope(x), its derivative, which are templates over float and double.
template <class Formula, class T>
void cpu_unary(std::int64_t count, const T* x, T* y) {
  using W = wide_t<T>;
  parallel_ranges(count, 8192, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<T>(Formula::value(W(x[i])));
  });
}

/// grad_x (+)= grad_y Formula::slope(x).
template <class Formula, class T>
void cpu_unary_backward(std::int64_t count, const T* x, const T* grad_y, GradTarget<T> grad_x) {
  using W = wide_t<T>;
  parallel_ranges(count, 8192, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      grad_x.put(i, static_cast<T>(W(grad_y[i]) * Formula::slope(W(x[i]))));
  });
}

}  // namespace pixnerd
