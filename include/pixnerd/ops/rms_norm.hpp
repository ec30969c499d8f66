// SPDX-License-Identifier: MIT
/// \file
/// Root mean square normalization.
#pragma once

#include <algorithm>
#include <cmath>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/cpu/reduce.hpp>

namespace pixnerd {

/// Where a 16-bit result is rounded. Has no effect on float32 and float64.
enum class RmsRounding {
  before_weight,  ///< the normalized value is rounded, multiplied by the weight, and rounded again
  after_weight,   ///< the normalized value is multiplied by the weight in float32 and rounded once
};

template <class Device>
struct RmsNormKernel : MissingKernel<Device> {};

template <>
struct RmsNormKernel<Cpu> {
  /// Rows per task, so that a task has about 16384 elements.
  static std::int64_t grain(std::int64_t width) {
    return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
  }

  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, double epsilon, RmsRounding rounding, const T* x,
                      const wide_t<T>* weight, T* y, wide_t<T>* inverse_rms) {
    using W = wide_t<T>;
    const bool round_first = rounding == RmsRounding::before_weight;
    parallel_ranges(rows, grain(width), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* xr = x + row * width;
        T* yr = y + row * width;
        const W squares = lane_sum<W>(0, width, [=](std::int64_t j) { return W(xr[j]) * W(xr[j]); });
        const W inverse = W(1) / std::sqrt(squares / W(width) + W(epsilon));
        inverse_rms[row] = inverse;
        if (round_first) {
          for (std::int64_t j = 0; j < width; ++j)
            yr[j] = static_cast<T>(W(static_cast<T>(W(xr[j]) * inverse)) * weight[j]);
        } else {
          for (std::int64_t j = 0; j < width; ++j) yr[j] = static_cast<T>(W(xr[j]) * inverse * weight[j]);
        }
      }
    });
  }

  /// Either target may be false. Both may belong to one tensor: grad_x contributes first.
  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, const T* x, const wide_t<T>* weight,
                       const wide_t<T>* inverse_rms, const T* grad_y, GradTarget<T> grad_x,
                       GradTarget<wide_t<T>> grad_weight) {
    using W = wide_t<T>;
    const auto rows_of_x = [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* xr = x + row * width;
        const T* g = grad_y + row * width;
        const GradTarget<T> out{grad_x.data + row * width, grad_x.add};
        const W inverse = inverse_rms[row];
        const W dot = lane_sum<W>(0, width, [=](std::int64_t j) { return W(g[j]) * weight[j] * W(xr[j]); });
        const W along = dot * inverse * inverse * inverse / W(width);
        for (std::int64_t j = 0; j < width; ++j)
          out.put(j, static_cast<T>(W(g[j]) * weight[j] * inverse - W(xr[j]) * along));
      }
    };
    if (!grad_weight) {
      parallel_ranges(rows, grain(width), rows_of_x);
      return;
    }
    parallel_column_sums<W>(rows, width, grain(width), grad_weight,
                            [=](std::int64_t begin, std::int64_t end, W* sums) {
                              for (std::int64_t row = begin; row < end; ++row) {
                                if (grad_x) rows_of_x(row, row + 1);
                                const T* xr = x + row * width;
                                const T* g = grad_y + row * width;
                                const W inverse = inverse_rms[row];
                                for (std::int64_t j = 0; j < width; ++j)
                                  sums[j] += W(g[j]) * W(xr[j]) * inverse;
                              }
                            });
  }
};

/// RMSNorm: y = x / sqrt(mean(x^2) + epsilon) * weight, with the mean over the innermost axis and statistics
/// in wide_t<T>. x (..., D) of T, weight (D) of wide_t<T> -> y (..., D) of T. Saves x, weight and the inverse
/// root mean square of each row. Throws ShapeError when the sizes do not fit. Source: Zhang and Sennrich
/// 2019, "Root mean square layer normalization"; PixNerd rounds before the weight in the class-conditional
/// model and after it in the text-to-image model.
template <class T, class Device>
Tensor<T, Device> rms_norm(const Tensor<T, Device>& x, const Tensor<wide_t<T>, Device>& weight,
                           double epsilon = 1e-6, RmsRounding rounding = RmsRounding::before_weight) {
  if (x.rank() < 1 || weight.rank() != 1 || x.size(-1) != weight.size(0)) {
    raise<ShapeError>("rms_norm", "x (..., D) and weight (D)",
                      str_cat("x ", x.shape(), " and weight ", weight.shape()));
  }
  using kernel = RmsNormKernel<Device>;
  const std::int64_t rows = x.shape().rows(), width = x.size(-1);
  Tensor<T, Device> y(x.shape());
  Tensor<wide_t<T>, Device> inverse_rms({rows});
  kernel::forward(rows, width, epsilon, rounding, x.data(), weight.data(), y.data(), inverse_rms.data());
  if (needs_grad(x, weight)) {
    record(y, [=](const Tensor<T, Device>& grad_y) {
      const auto grad_x = grad_target<T>(x.slot());
      const auto grad_weight = grad_target<wide_t<T>>(weight.slot());
      kernel::backward(rows, width, x.data(), weight.data(), inverse_rms.data(), grad_y.data(), grad_x,
                       grad_weight);
    });
  }
  return y;
}

}  // namespace pixnerd
