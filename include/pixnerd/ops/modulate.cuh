// SPDX-License-Identifier: MIT
/// \file
/// Shift and scale of tokens by vectors per image, on the GPU.
#pragma once

#include <pixnerd/ops/cuda/image_rows.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>
#include <pixnerd/ops/modulate.hpp>

namespace pixnerd {

namespace detail {

template <class T, int packet>
struct ModulateForward {
  std::int64_t width;
  const T *x, *shift, *scale;
  T* y;

  __device__ void operator()(std::int64_t image, std::int64_t column, std::int64_t first, std::int64_t last,
                             int step) const {
    using W = wide_t<T>;
    W a[packet], b[packet];
    load_wide<packet>(scale + image * width + column, a);
    load_wide<packet>(shift + image * width + column, b);
    for (std::int64_t row = first; row < last; row += step) {
      W values[packet];
      load_wide<packet>(x + row * width + column, values);
#pragma unroll
      for (int j = 0; j < packet; ++j) values[j] = ModulateFormula::value(values[j], b[j], a[j]);
      put_wide<packet>(GradTarget<T>{y}, row * width + column, values);
    }
  }
};

/// Sums grad_y and grad_y x over the tokens of an image, and writes grad_x in the same pass.
template <class T, int packet>
struct ModulateBackward {
  std::int64_t length, width;
  const T *x, *scale, *grad_y;
  GradTarget<T> grad_x;

  __device__ void operator()(std::int64_t row, std::int64_t column, wide_t<T> (&sum)[2][packet]) const {
    using W = wide_t<T>;
    const std::int64_t at = row * width + column;
    W g[packet], values[packet];
    load_wide<packet>(grad_y + at, g);
    load_wide<packet>(x + at, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) {
      sum[0][j] += g[j];
      sum[1][j] += g[j] * values[j];
    }
    if (!grad_x.data) return;
    load_wide<packet>(scale + row / length * width + column, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) values[j] = g[j] * (W(1) + values[j]);
    put_wide<packet>(grad_x, at, values);
  }
};

template <class T>
struct PutShiftAndScale {
  std::int64_t width;
  GradTarget<T> grad_shift, grad_scale;

  __device__ void operator()(std::int64_t image, std::int64_t column, const wide_t<T> (&total)[2]) const {
    const std::int64_t at = image * width + column;
    if (grad_shift.data) grad_shift.put(at, static_cast<T>(total[0]));
    if (grad_scale.data) grad_scale.put(at, static_cast<T>(total[1]));
  }
};

}  // namespace detail

/// Each thread handles 16 bytes of neighboring columns and iterates over tokens of one image. Backward reads
/// x and grad_y once, and writes grad_x and the sums over the tokens in the same pass.
template <>
struct ModulateKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* x, const T* shift,
                      const T* scale, T* y) {
    constexpr int packet = packet_width<T>;
    if (detail::rows_fit<packet>(width, x, shift, scale, y)) {
      detail::image_rows<packet>("modulate", batch, length, width,
                                 detail::ModulateForward<T, packet>{width, x, shift, scale, y});
    } else {
      detail::image_rows<1>("modulate", batch, length, width,
                            detail::ModulateForward<T, 1>{width, x, shift, scale, y});
    }
  }

  template <class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* x,
                       const T* scale, const T* grad_y, GradTarget<T> grad_x, GradTarget<T> grad_shift,
                       GradTarget<T> grad_scale) {
    using W = wide_t<T>;
    constexpr int packet = packet_width<T>;
    const detail::PutShiftAndScale<T> put{width, grad_shift, grad_scale};
    if (detail::rows_fit<packet>(width, x, scale, grad_y, grad_x.data)) {
      grouped_column_sums<W, 2, packet>(
          "modulate", batch, length, width,
          detail::ModulateBackward<T, packet>{length, width, x, scale, grad_y, grad_x}, put);
    } else {
      grouped_column_sums<W, 2, 1>("modulate", batch, length, width,
                                   detail::ModulateBackward<T, 1>{length, width, x, scale, grad_y, grad_x},
                                   put);
    }
  }
};

}  // namespace pixnerd
