// SPDX-License-Identifier: MIT
/// \file
/// Root mean square normalization on the GPU.
#pragma once

#include <pixnerd/ops/cuda/norm_rows_backward.cuh>
#include <pixnerd/ops/rms_norm.hpp>

namespace pixnerd {

/// The kernels are in cuda/norm_rows.cuh and cuda/norm_rows_backward.cuh.
template <>
struct RmsNormKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, double epsilon, RmsRounding rounding, const T* x,
                      const wide_t<T>* weight, T* y, wide_t<T>* inverse_rms) {
    const detail::NormForward<T, T> a{{1, rows, width, x, weight, nullptr, nullptr},
                                      static_cast<wide_t<T>>(epsilon),
                                      rounding == RmsRounding::before_weight,
                                      y,
                                      inverse_rms};
    detail::norm_forward<false>("rms_norm", a);
  }

  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, const T* x, const wide_t<T>* weight,
                       const wide_t<T>* inverse_rms, const T* grad_y, GradTarget<T> grad_x,
                       GradTarget<wide_t<T>> grad_weight) {
    using W = wide_t<T>;
    const detail::NormBackward<T, T> a{
        {1, rows, width, x, weight, nullptr, nullptr}, inverse_rms, grad_y, grad_x};
    detail::norm_backward<false>("rms_norm", a, static_cast<bool>(grad_weight),
                                 detail::PutGradient<W, W>{grad_weight, width});
  }
};

}  // namespace pixnerd
