// SPDX-License-Identifier: MIT
/// \file
/// A residual connection whose branch is scaled by a vector per image.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

template <class Device>
struct GatedResidualKernel : MissingKernel<Device> {};

template <>
struct GatedResidualKernel<Cpu> {
  /// S is T or wide_t<T>.
  template <class S, class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, const S* s, const T* gate,
                      const T* h, S* y) {
    using W = wide_t<T>;
    const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
    parallel_ranges(batch * length, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t token = begin; token < end; ++token) {
        const std::int64_t start = token * width;
        const T* g = gate + token / length * width;
        for (std::int64_t j = 0; j < width; ++j)
          y[start + j] = static_cast<S>(W(s[start + j]) + W(g[j]) * W(h[start + j]));
      }
    });
  }

  /// Gradients of h and gate. Either target may be false. Both may belong to one tensor: grad_h contributes
  /// first.
  template <class S, class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* gate, const T* h,
                       const S* grad_y, GradTarget<T> grad_h, GradTarget<T> grad_gate) {
    using W = wide_t<T>;
    constexpr std::int64_t columns = 256;
    const auto walk = [=](std::int64_t image, std::int64_t first, std::int64_t n) {
      const std::int64_t at = image * width + first;
      std::array<W, columns> sums{};
      for (std::int64_t token = image * length; token < (image + 1) * length; ++token) {
        const std::int64_t start = token * width + first;
        const S* g = grad_y + start;
        if (grad_gate) {
          for (std::int64_t j = 0; j < n; ++j) sums[j] += W(g[j]) * W(h[start + j]);
        }
        if (grad_h) {
          for (std::int64_t j = 0; j < n; ++j)
            grad_h.put(start + j, static_cast<T>(W(g[j]) * W(gate[at + j])));
        }
      }
      if (grad_gate) {
        for (std::int64_t j = 0; j < n; ++j) grad_gate.put(at + j, static_cast<T>(sums[j]));
      }
    };
    parallel_image_columns<columns>(batch, width, walk);
  }

  /// The gradient of s is that of y.
  template <class T>
  static void backward_s(std::int64_t count, const T* grad_y, GradTarget<T> grad_s) {
    parallel_ranges(count, 16384, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) grad_s.put(i, grad_y[i]);
    });
  }
};

/// Adds a gated branch to the residual stream: y = s + gate h. The tokens of an image share its gate. s (B,
/// L, D) of T or wide_t<T>, gate (B, D) and h (B, L, D) of T -> y (B, L, D) of the type of s, so a stream
/// that many blocks add to need not be rounded each time. Saves gate and h. Throws ShapeError when the sizes
/// do not fit. Source: FlattenDiTBlock in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class S, class T, class Device>
  requires(std::same_as<S, T> || std::same_as<S, wide_t<T>>)
Tensor<S, Device> gated_residual(const Tensor<S, Device>& s, const Tensor<T, Device>& gate,
                                 const Tensor<T, Device>& h) {
  if (s.rank() != 3 || !(gate.shape() == Shape{s.size(0), s.size(2)}) || !(h.shape() == s.shape())) {
    raise<ShapeError>("gated_residual", "s (B, L, D), gate (B, D) and h (B, L, D)",
                      str_cat("s ", s.shape(), ", gate ", gate.shape(), " and h ", h.shape()));
  }
  using kernel = GatedResidualKernel<Device>;
  const std::int64_t batch = s.size(0), length = s.size(1), width = s.size(2);
  Tensor<S, Device> y(s.shape());
  kernel::forward(batch, length, width, s.data(), gate.data(), h.data(), y.data());
  if (needs_grad(s, gate, h)) {
    record(y, [=, s = s.slot()](const Tensor<S, Device>& grad_y) {
      const auto grad_h = grad_target<T>(h.slot());
      const auto grad_gate = grad_target<T>(gate.slot());
      kernel::backward(batch, length, width, gate.data(), h.data(), grad_y.data(), grad_h, grad_gate);
      // Last, because later contributions may be added to the adopted memory.
      if (s && !s->adopt(grad_y)) kernel::backward_s(grad_y.count(), grad_y.data(), grad_target<S>(s));
    });
  }
  return y;
}

}  // namespace pixnerd
