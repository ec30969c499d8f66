// SPDX-License-Identifier: MIT
/// \file
/// Shift and scale of tokens by vectors per image.
#pragma once

#include <algorithm>
#include <array>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

/// The formula, for both devices. norm_modulate() uses it as well.
struct ModulateFormula {
  template <class W>
  PIXNERD_FORMULA static W value(W x, W shift, W scale) {
    return x * (W(1) + scale) + shift;
  }
};

template <class Device>
struct ModulateKernel : MissingKernel<Device> {};

template <>
struct ModulateKernel<Cpu> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* x, const T* shift,
                      const T* scale, T* y) {
    using W = wide_t<T>;
    const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
    parallel_ranges(batch * length, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t token = begin; token < end; ++token) {
        const std::int64_t image = token / length * width;
        const T* xt = x + token * width;
        T* yt = y + token * width;
        for (std::int64_t j = 0; j < width; ++j)
          yt[j] = static_cast<T>(ModulateFormula::value(W(xt[j]), W(shift[image + j]), W(scale[image + j])));
      }
    });
  }

  /// Any target may be false. Several may belong to one tensor: they contribute in the order of the
  /// arguments.
  template <class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* x,
                       const T* scale, const T* grad_y, GradTarget<T> grad_x, GradTarget<T> grad_shift,
                       GradTarget<T> grad_scale) {
    using W = wide_t<T>;
    constexpr std::int64_t columns = 256;
    const auto walk = [=](std::int64_t image, std::int64_t first, std::int64_t n) {
      const std::int64_t at = image * width + first;
      std::array<W, columns> shift_sums{}, scale_sums{};
      for (std::int64_t token = image * length; token < (image + 1) * length; ++token) {
        const std::int64_t start = token * width + first;
        const T* g = grad_y + start;
        if (grad_shift) {
          for (std::int64_t j = 0; j < n; ++j) shift_sums[j] += W(g[j]);
        }
        if (grad_scale) {
          for (std::int64_t j = 0; j < n; ++j) scale_sums[j] += W(g[j]) * W(x[start + j]);
        }
        if (grad_x) {
          for (std::int64_t j = 0; j < n; ++j)
            grad_x.put(start + j, static_cast<T>(W(g[j]) * (W(1) + W(scale[at + j]))));
        }
      }
      if (grad_shift) {
        for (std::int64_t j = 0; j < n; ++j) grad_shift.put(at + j, static_cast<T>(shift_sums[j]));
      }
      if (grad_scale) {
        for (std::int64_t j = 0; j < n; ++j) grad_scale.put(at + j, static_cast<T>(scale_sums[j]));
      }
    };
    parallel_image_columns<columns>(batch, width, walk);
  }
};

/// Adaptive shift and scale: y = x (1 + scale) + shift. The tokens of an image share its shift and scale. x
/// (B, L, D), shift (B, D), scale (B, D) -> y (B, L, D). Saves x and scale. Throws ShapeError when the sizes
/// do not fit. Source: Peebles and Xie 2023, "Scalable diffusion models with transformers" (adaLN-Zero
/// block); modulate() in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> modulate(const Tensor<T, Device>& x, const Tensor<T, Device>& shift,
                           const Tensor<T, Device>& scale) {
  if (x.rank() != 3 || !(shift.shape() == Shape{x.size(0), x.size(2)}) || !(scale.shape() == shift.shape())) {
    raise<ShapeError>("modulate", "x (B, L, D), shift (B, D) and scale (B, D)",
                      str_cat("x ", x.shape(), ", shift ", shift.shape(), " and scale ", scale.shape()));
  }
  using kernel = ModulateKernel<Device>;
  const std::int64_t batch = x.size(0), length = x.size(1), width = x.size(2);
  Tensor<T, Device> y(x.shape());
  kernel::forward(batch, length, width, x.data(), shift.data(), scale.data(), y.data());
  if (needs_grad(x, shift, scale)) {
    record(y, [=, shift = shift.slot()](const Tensor<T, Device>& grad_y) {
      const auto grad_x = grad_target<T>(x.slot());
      const auto grad_shift = grad_target<T>(shift);
      const auto grad_scale = grad_target<T>(scale.slot());
      kernel::backward(batch, length, width, x.data(), scale.data(), grad_y.data(), grad_x, grad_shift,
                       grad_scale);
    });
  }
  return y;
}

}  // namespace pixnerd
