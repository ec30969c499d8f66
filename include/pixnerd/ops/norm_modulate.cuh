// SPDX-License-Identifier: MIT
/// \file
/// Root mean square normalization, then shift and scale by vectors per image, on the GPU.
#pragma once

#include <pixnerd/ops/cuda/norm_rows_backward.cuh>
#include <pixnerd/ops/norm_modulate.hpp>

namespace pixnerd {

namespace detail {

/// Computes all parameters' gradients from two sums over the tokens of an image: of grad_y times the
/// normalized x, and of grad_y.
template <class T>
struct PutNormModulation {
  using W = wide_t<T>;
  std::int64_t width;
  const W* weight;
  const T* scale;
  W* of_weight;  ///< contribution of each image to grad_weight; null if there is one image or no gradient
  GradTarget<W> grad_weight;  ///< false unless there is one image
  GradTarget<T> grad_shift, grad_scale;

  __device__ void operator()(std::int64_t image, std::int64_t column, const W (&total)[2]) const {
    const std::int64_t at = image * width + column;
    const W through = total[0] * (W(1) + static_cast<W>(scale[at]));
    if (of_weight != nullptr) of_weight[at] = through;
    // With one image, all may be gradients of one tensor: they contribute in this order.
    if (grad_weight.data) grad_weight.put(column, through);
    if (grad_shift.data) grad_shift.put(at, static_cast<T>(total[1]));
    if (grad_scale.data) grad_scale.put(at, static_cast<T>(total[0] * weight[column]));
  }
};

}  // namespace detail

/// The kernels are in cuda/norm_rows.cuh and cuda/norm_rows_backward.cuh. The gradient of the weight needs a
/// third launch, over the images.
template <>
struct NormModulateKernel<Cuda> {
  template <class X, class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, double epsilon,
                      RmsRounding rounding, const X* x, const wide_t<T>* weight, const T* shift,
                      const T* scale, T* y, wide_t<T>* inverse_rms) {
    const detail::NormForward<X, T> a{{batch, length, width, x, weight, shift, scale},
                                      static_cast<wide_t<T>>(epsilon),
                                      rounding == RmsRounding::before_weight,
                                      y,
                                      inverse_rms};
    detail::norm_forward<true>("norm_modulate", a);
  }

  template <class X, class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const X* x,
                       const wide_t<T>* weight, const T* scale, const wide_t<T>* inverse_rms, const T* grad_y,
                       GradTarget<X> grad_x, GradTarget<wide_t<T>> grad_weight, GradTarget<T> grad_shift,
                       GradTarget<T> grad_scale) {
    using W = wide_t<T>;
    const detail::NormBackward<X, T> a{
        {batch, length, width, x, weight, nullptr, scale}, inverse_rms, grad_y, grad_x};
    const bool over_images = grad_weight && batch != 1;
    const auto storage =
        allocate_bytes<Cuda>(over_images ? static_cast<std::size_t>(batch * width) * sizeof(W) : 0);
    W* of_weight = reinterpret_cast<W*>(storage.get());
    detail::norm_backward<true>(
        "norm_modulate", a, grad_weight || grad_shift || grad_scale,
        detail::PutNormModulation<T>{width, weight, scale, of_weight,
                                     over_images ? GradTarget<W>{} : grad_weight, grad_shift, grad_scale});
    if (over_images) column_sums_of<W>("norm_modulate", batch, width, of_weight, grad_weight);
  }
};

}  // namespace pixnerd
