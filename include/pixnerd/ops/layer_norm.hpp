// SPDX-License-Identifier: MIT
/// \file
/// Layer normalization.
#pragma once

#include <algorithm>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

template <class Device>
struct LayerNormKernel : MissingKernel<Device> {};

template <>
struct LayerNormKernel<Cpu> {
  /// Rows per task, so that a task has about 16384 elements.
  static std::int64_t grain(std::int64_t width) {
    return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
  }

  /// mean and inverse are per row, saved for backward.
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, double epsilon, const T* x,
                      const wide_t<T>* weight, const wide_t<T>* bias, T* y, wide_t<T>* mean,
                      wide_t<T>* inverse) {
    using W = wide_t<T>;
    parallel_ranges(rows, grain(width), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* xr = x + row * width;
        T* yr = y + row * width;
        const W center = lane_sum<W>(0, width, [=](std::int64_t j) { return W(xr[j]); }) / W(width);
        // From the deviations: mean(x^2) - mean^2 would cancel.
        const W squares = lane_sum<W>(0, width, [=](std::int64_t j) {
          const W deviation = W(xr[j]) - center;
          return deviation * deviation;
        });
        const W factor = W(1) / std::sqrt(squares / W(width) + W(epsilon));
        mean[row] = center;
        inverse[row] = factor;
        for (std::int64_t j = 0; j < width; ++j)
          yr[j] = static_cast<T>((W(xr[j]) - center) * factor * weight[j] + bias[j]);
      }
    });
  }

  template <class T>
  static void backward_x(std::int64_t rows, std::int64_t width, const T* x, const wide_t<T>* weight,
                         const wide_t<T>* mean, const wide_t<T>* inverse, const T* grad_y,
                         GradTarget<T> grad_x) {
    using W = wide_t<T>;
    parallel_ranges(rows, grain(width), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* xr = x + row * width;
        const T* g = grad_y + row * width;
        const GradTarget<T> out{grad_x.data + row * width, grad_x.add};
        const W center = mean[row], factor = inverse[row];
        const W sum = lane_sum<W>(0, width, [=](std::int64_t j) { return W(g[j]) * weight[j]; });
        const W dot =
            lane_sum<W>(0, width, [=](std::int64_t j) { return W(g[j]) * weight[j] * (W(xr[j]) - center); });
        const W level = sum / W(width), along = dot * factor * factor / W(width);
        for (std::int64_t j = 0; j < width; ++j)
          out.put(j, static_cast<T>((W(g[j]) * weight[j] - level - (W(xr[j]) - center) * along) * factor));
      }
    });
  }

  /// Either target may be false. Both may belong to one tensor: grad_weight contributes first.
  template <class T>
  static void backward_parameters(std::int64_t rows, std::int64_t width, const T* x, const wide_t<T>* mean,
                                  const wide_t<T>* inverse, const T* grad_y,
                                  GradTarget<wide_t<T>> grad_weight, GradTarget<wide_t<T>> grad_bias) {
    using W = wide_t<T>;
    const auto put = [=](std::int64_t j, W sum) {
      if (j < width) {
        if (grad_weight) grad_weight.put(j, sum);
      } else if (grad_bias) {
        grad_bias.put(j - width, sum);
      }
    };
    parallel_column_sums<W>(rows, 2 * width, grain(width), put,
                            [=](std::int64_t begin, std::int64_t end, W* sums) {
                              for (std::int64_t row = begin; row < end; ++row) {
                                const T* xr = x + row * width;
                                const T* g = grad_y + row * width;
                                const W center = mean[row], factor = inverse[row];
                                for (std::int64_t j = 0; j < width; ++j) {
                                  sums[j] += W(g[j]) * (W(xr[j]) - center) * factor;
                                  sums[width + j] += W(g[j]);
                                }
                              }
                            });
  }
};

/// Layer normalization: y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * weight + bias, with means
/// over the innermost axis in wide_t<T>. x (..., D) of T, weight and bias (D) of wide_t<T> -> y (..., D) of
/// T, rounded once. Saves x, weight, and the mean and inverse deviation of each row. Throws ShapeError when
/// the sizes do not fit. Source: Ba, Kiros and Hinton 2016, "Layer normalization"; DINOv2, whose epsilon is
/// 1e-6.
template <class T, class Device>
Tensor<T, Device> layer_norm(const Tensor<T, Device>& x, const Tensor<wide_t<T>, Device>& weight,
                             const Tensor<wide_t<T>, Device>& bias, double epsilon = 1e-6) {
  if (x.rank() < 1 || weight.rank() != 1 || x.size(-1) != weight.size(0) ||
      !(bias.shape() == weight.shape())) {
    raise<ShapeError>("layer_norm", "x (..., D), weight (D) and bias (D)",
                      str_cat("x ", x.shape(), ", weight ", weight.shape(), " and bias ", bias.shape()));
  }
  using W = wide_t<T>;
  using kernel = LayerNormKernel<Device>;
  const std::int64_t rows = x.shape().rows(), width = x.size(-1);
  Tensor<T, Device> y(x.shape());
  Tensor<W, Device> mean({rows}), inverse({rows});
  kernel::forward(rows, width, epsilon, x.data(), weight.data(), bias.data(), y.data(), mean.data(),
                  inverse.data());
  if (needs_grad(x, weight, bias)) {
    record(y, [=, bias = bias.slot()](const Tensor<T, Device>& grad_y) {
      const W *center = mean.data(), *factor = inverse.data();
      if (x.slot()) {
        kernel::backward_x(rows, width, x.data(), weight.data(), center, factor, grad_y.data(),
                           grad_target<T>(x.slot()));
      }
      const auto grad_weight = grad_target<W>(weight.slot());
      const auto grad_bias = grad_target<W>(bias);
      if (grad_weight || grad_bias) {
        kernel::backward_parameters(rows, width, x.data(), center, factor, grad_y.data(), grad_weight,
                                    grad_bias);
      }
    });
  }
  return y;
}

}  // namespace pixnerd
