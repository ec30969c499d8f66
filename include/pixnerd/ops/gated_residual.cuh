// SPDX-License-Identifier: MIT
/// \file
/// A residual connection whose branch is scaled by a vector per image, on the GPU.
#pragma once

#include <pixnerd/ops/cuda/image_rows.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>
#include <pixnerd/ops/gated_residual.hpp>

namespace pixnerd {

namespace detail {

template <class S, class T, int packet>
struct GatedResidualForward {
  std::int64_t width;
  const S* s;
  const T *gate, *h;
  S* y;

  __device__ void operator()(std::int64_t image, std::int64_t column, std::int64_t first, std::int64_t last,
                             int step) const {
    using W = wide_t<T>;
    W a[packet];
    load_wide<packet>(gate + image * width + column, a);
    for (std::int64_t row = first; row < last; row += step) {
      W values[packet], branch[packet];
      load_wide<packet>(s + row * width + column, values);
      load_wide<packet>(h + row * width + column, branch);
#pragma unroll
      for (int j = 0; j < packet; ++j) values[j] += a[j] * branch[j];
      put_wide<packet>(GradTarget<S>{y}, row * width + column, values);
    }
  }
};

/// Sums grad_y h over the tokens of an image, and writes grad_h in the same pass.
template <class S, class T, int packet>
struct GatedResidualBackward {
  std::int64_t length, width;
  const T *gate, *h;
  const S* grad_y;
  GradTarget<T> grad_h;

  __device__ void operator()(std::int64_t row, std::int64_t column, wide_t<T> (&sum)[1][packet]) const {
    using W = wide_t<T>;
    const std::int64_t at = row * width + column;
    W g[packet], values[packet];
    load_wide<packet>(grad_y + at, g);
    load_wide<packet>(h + at, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) sum[0][j] += g[j] * values[j];
    if (!grad_h.data) return;
    load_wide<packet>(gate + row / length * width + column, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) values[j] *= g[j];
    put_wide<packet>(grad_h, at, values);
  }
};

template <class T>
struct PutGate {
  std::int64_t width;
  GradTarget<T> grad_gate;

  __device__ void operator()(std::int64_t image, std::int64_t column, const wide_t<T> (&total)[1]) const {
    if (grad_gate.data) grad_gate.put(image * width + column, static_cast<T>(total[0]));
  }
};

struct AddGradient {
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* y) const {
    y[0] = x[0];
  }
};

}  // namespace detail

/// Each thread handles 16 bytes of neighboring columns and iterates over tokens of one image. Backward reads
/// h and grad_y once, and writes grad_h and the sums over the tokens in the same pass.
template <>
struct GatedResidualKernel<Cuda> {
  template <class S, class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, const S* s, const T* gate,
                      const T* h, S* y) {
    constexpr int packet = packet_width<T>;
    if (detail::rows_fit<packet>(width, s, gate, h, y)) {
      detail::image_rows<packet>("gated_residual", batch, length, width,
                                 detail::GatedResidualForward<S, T, packet>{width, s, gate, h, y});
    } else {
      detail::image_rows<1>("gated_residual", batch, length, width,
                            detail::GatedResidualForward<S, T, 1>{width, s, gate, h, y});
    }
  }

  template <class S, class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* gate, const T* h,
                       const S* grad_y, GradTarget<T> grad_h, GradTarget<T> grad_gate) {
    using W = wide_t<T>;
    constexpr int packet = packet_width<T>;
    if (!grad_h && !grad_gate) return;
    const detail::PutGate<T> put{width, grad_gate};
    if (detail::rows_fit<packet>(width, gate, h, grad_y, grad_h.data)) {
      grouped_column_sums<W, 1, packet>(
          "gated_residual", batch, length, width,
          detail::GatedResidualBackward<S, T, packet>{length, width, gate, h, grad_y, grad_h}, put);
    } else {
      grouped_column_sums<W, 1, 1>(
          "gated_residual", batch, length, width,
          detail::GatedResidualBackward<S, T, 1>{length, width, gate, h, grad_y, grad_h}, put);
    }
  }

  template <class T>
  static void backward_s(std::int64_t count, const T* grad_y, GradTarget<T> grad_s) {
    cuda_elementwise<T, 1, 1>("gated_residual", count, {grad_y}, {grad_s}, detail::AddGradient{});
  }
};

}  // namespace pixnerd
