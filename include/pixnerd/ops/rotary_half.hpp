// SPDX-License-Identifier: MIT
/// \file
/// Rotary position embedding of language models: the two halves of a head are the real and the imaginary
/// parts.
#pragma once

#include <cstdint>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/qk_norm_rotary.hpp>

namespace pixnerd {

template <class Device>
struct RotaryHalfKernel : MissingKernel<Device> {};

template <>
struct RotaryHalfKernel<Cpu> {
  /// Rotates by the table's angles times `sign`, 1 or -1.
  template <class T>
  static void turn(std::int64_t tokens, std::int64_t positions, std::int64_t heads, std::int64_t width,
                   const T* x, const wide_t<T>* table, wide_t<T> sign, GradTarget<T> y) {
    using W = wide_t<T>;
    const std::int64_t half = width / 2;
    parallel_ranges(tokens, 16, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin * heads; row < end * heads; ++row) {
        const W* cosines = table + row / heads % positions * width;
        for (std::int64_t i = 0; i < half; ++i) {
          const std::int64_t at = row * width + i;
          W a, b;
          rotate_pair(W(x[at]), W(x[at + half]), cosines[i], sign * cosines[half + i], a, b);
          y.put(at, static_cast<T>(a));
          y.put(at + half, static_cast<T>(b));
        }
      }
    });
  }
};

/// Rotates elements i and i + d/2 of every head, as a complex number, by the angle of pair i at the token's
/// position. x (B, L, A, d), table (L, d) of wide_t<T> holding the cosines of the d/2 angles, then the sines
/// -> (B, L, A, d). Saves the table. Throws ShapeError when sizes do not fit or d is odd. Source: RoFormer,
/// arXiv 2104.09864, in the layout of GPT-NeoX, Llama and Qwen.
template <class T, class Device>
Tensor<T, Device> rotary_half(const Tensor<T, Device>& x, const Tensor<wide_t<T>, Device>& table) {
  if (x.rank() != 4 || !(table.shape() == Shape{x.size(1), x.size(3)}) || x.size(3) % 2 != 0) {
    raise<ShapeError>("rotary_half", "x (B, L, A, d) with an even d, and a table (L, d)",
                      str_cat("x ", x.shape(), " and a table ", table.shape()));
  }
  using kernel = RotaryHalfKernel<Device>;
  const std::int64_t positions = x.size(1), tokens = x.size(0) * positions, heads = x.size(2),
                     width = x.size(3);
  Tensor<T, Device> y(x.shape());
  kernel::turn(tokens, positions, heads, width, x.data(), static_cast<const wide_t<T>*>(table.data()),
               wide_t<T>(1), GradTarget<T>{y.data()});
  if (needs_grad(x)) {
    record(y, [=, slot = x.slot()](const Tensor<T, Device>& grad_y) {
      kernel::turn(tokens, positions, heads, width, static_cast<const T*>(grad_y.data()),
                   static_cast<const wide_t<T>*>(table.data()), wide_t<T>(-1), grad_target<T>(slot));
    });
  }
  return y;
}

}  // namespace pixnerd
