// SPDX-License-Identifier: MIT
/// \file
/// Root mean square normalization, then shift and scale by vectors per image, in one pass.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>
#include <pixnerd/ops/modulate.hpp>
#include <pixnerd/ops/rms_norm.hpp>

namespace pixnerd {

template <class Device>
struct NormModulateKernel : MissingKernel<Device> {};

template <>
struct NormModulateKernel<Cpu> {
  /// Tokens per task, so that a task has about 16384 elements.
  static std::int64_t grain(std::int64_t width) {
    return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
  }

  /// X is T or wide_t<T>. inverse_rms (batch * length).
  template <class X, class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, double epsilon,
                      RmsRounding rounding, const X* x, const wide_t<T>* weight, const T* shift,
                      const T* scale, T* y, wide_t<T>* inverse_rms) {
    using W = wide_t<T>;
    const bool round_first = rounding == RmsRounding::before_weight;
    parallel_ranges(batch * length, grain(width), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t token = begin; token < end; ++token) {
        const std::int64_t image = token / length * width;
        const X* xt = x + token * width;
        const T* a = scale + image;
        const T* b = shift + image;
        T* yt = y + token * width;
        const W squares = lane_sum<W>(0, width, [=](std::int64_t j) { return W(xt[j]) * W(xt[j]); });
        const W inverse = W(1) / std::sqrt(squares / W(width) + W(epsilon));
        inverse_rms[token] = inverse;
        if (round_first) {
          for (std::int64_t j = 0; j < width; ++j) {
            const W normed = W(static_cast<T>(W(xt[j]) * inverse)) * weight[j];
            yt[j] = static_cast<T>(ModulateFormula::value(normed, W(b[j]), W(a[j])));
          }
        } else {
          for (std::int64_t j = 0; j < width; ++j) {
            const W normed = W(static_cast<T>(W(xt[j]) * inverse * weight[j]));
            yt[j] = static_cast<T>(ModulateFormula::value(normed, W(b[j]), W(a[j])));
          }
        }
      }
    });
  }

  /// Any target may be false. Several may belong to one tensor: grad_x contributes first, then grad_weight,
  /// grad_shift and grad_scale.
  template <class X, class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const X* x,
                       const wide_t<T>* weight, const T* scale, const wide_t<T>* inverse_rms, const T* grad_y,
                       GradTarget<X> grad_x, GradTarget<wide_t<T>> grad_weight, GradTarget<T> grad_shift,
                       GradTarget<T> grad_scale) {
    using W = wide_t<T>;
    const bool sums_wanted = grad_weight || grad_shift || grad_scale;
    // All parameters' gradients follow from two sums over the tokens of an image: of grad_y, and of grad_y
    // times the normalized x. They are taken in blocks of tokens that are added in order.
    const std::int64_t block = grain(width), blocks = (length + block - 1) / block;
    const std::int64_t partials = sums_wanted ? batch * blocks * 2 * width : 0;
    const auto storage = allocate_bytes<Cpu>(static_cast<std::size_t>(partials) * sizeof(W));
    W* partial = reinterpret_cast<W*>(storage.get());  // (batch, blocks, 2, width)
    parallel_for(batch * blocks, [=](std::int64_t index) {
      const std::int64_t image = index / blocks, first = image * length + index % blocks * block,
                         last = std::min((image + 1) * length, first + block);
      W* sums = partial + index * 2 * width;
      if (sums_wanted) std::fill_n(sums, 2 * width, W(0));
      const T* a = scale + image * width;
      for (std::int64_t token = first; token < last; ++token) {
        const X* xt = x + token * width;
        const T* g = grad_y + token * width;
        const W inverse = inverse_rms[token];
        if (sums_wanted) {
          for (std::int64_t j = 0; j < width; ++j) {
            sums[j] += W(g[j]);
            sums[width + j] += W(g[j]) * W(xt[j]) * inverse;
          }
        }
        if (!grad_x) continue;
        const GradTarget<X> out{grad_x.data + token * width, grad_x.add};
        const W dot = lane_sum<W>(
            0, width, [=](std::int64_t j) { return W(g[j]) * (W(1) + W(a[j])) * weight[j] * W(xt[j]); });
        const W along = dot * inverse * inverse * inverse / W(width);
        for (std::int64_t j = 0; j < width; ++j) {
          const W through = W(g[j]) * (W(1) + W(a[j])) * weight[j];
          out.put(j, static_cast<X>(through * inverse - W(xt[j]) * along));
        }
      }
    });
    if (!sums_wanted) return;
    parallel_ranges(width, 64, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; ++j) {
        W of_weight = 0;
        for (std::int64_t image = 0; image < batch; ++image) {
          for (std::int64_t k = 0; k < blocks; ++k)
            of_weight +=
                partial[((image * blocks + k) * 2 + 1) * width + j] * (W(1) + W(scale[image * width + j]));
        }
        if (grad_weight) grad_weight.put(j, of_weight);
        for (std::int64_t image = 0; image < batch; ++image) {
          W of_shift = 0, of_scale = 0;
          for (std::int64_t k = 0; k < blocks; ++k) {
            of_shift += partial[(image * blocks + k) * 2 * width + j];
            of_scale += partial[((image * blocks + k) * 2 + 1) * width + j];
          }
          if (grad_shift) grad_shift.put(image * width + j, static_cast<T>(of_shift));
          if (grad_scale) grad_scale.put(image * width + j, static_cast<T>(of_scale * weight[j]));
        }
      }
    });
  }
};

/// RMSNorm with adaptive shift and scale: y = x / sqrt(mean(x^2) + epsilon) * weight * (1 + scale) + shift,
/// with the mean over the innermost axis. The tokens of an image share its shift and scale. x (B, L, D) of T
/// or wide_t<T>, weight (D) of wide_t<T>, shift (B, D), scale (B, D) -> y (B, L, D) of T. Saves x, weight,
/// scale and the inverse root mean square of each token. The arithmetic is in wide_t<T>; a 16-bit result is
/// rounded at the end and once before, as `rounding` says: either the normalized value (like the published
/// class-conditional model under autocast, whose float32 weight keeps the product in float32) or the weighted
/// one (like the published text-to-image model). Throws ShapeError when the sizes do not fit. Source:
/// FlattenDiTBlock in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class X, class T, class Device>
  requires(std::same_as<X, T> || std::same_as<X, wide_t<T>>)
Tensor<T, Device> norm_modulate(const Tensor<X, Device>& x, const Tensor<wide_t<T>, Device>& weight,
                                const Tensor<T, Device>& shift, const Tensor<T, Device>& scale,
                                double epsilon = 1e-6, RmsRounding rounding = RmsRounding::before_weight) {
  if (x.rank() != 3 || !(weight.shape() == Shape{x.size(2)}) ||
      !(shift.shape() == Shape{x.size(0), x.size(2)}) || !(scale.shape() == shift.shape())) {
    raise<ShapeError>("norm_modulate", "x (B, L, D), weight (D), shift (B, D) and scale (B, D)",
                      str_cat("x ", x.shape(), ", weight ", weight.shape(), ", shift ", shift.shape(),
                              " and scale ", scale.shape()));
  }
  using kernel = NormModulateKernel<Device>;
  const std::int64_t batch = x.size(0), length = x.size(1), width = x.size(2);
  Tensor<T, Device> y(x.shape());
  Tensor<wide_t<T>, Device> inverse_rms({batch * length});
  kernel::forward(batch, length, width, epsilon, rounding, x.data(), weight.data(), shift.data(),
                  scale.data(), y.data(), inverse_rms.data());
  if (needs_grad(x, weight, shift, scale)) {
    record(y, [=, shift = shift.slot()](const Tensor<T, Device>& grad_y) {
      const auto grad_x = grad_target<X>(x.slot());
      const auto grad_weight = grad_target<wide_t<T>>(weight.slot());
      const auto grad_shift = grad_target<T>(shift);
      const auto grad_scale = grad_target<T>(scale.slot());
      kernel::backward(batch, length, width, x.data(), weight.data(), scale.data(), inverse_rms.data(),
                       grad_y.data(), grad_x, grad_weight, grad_shift, grad_scale);
    });
  }
  return y;
}

}  // namespace pixnerd
