/// \file
/// A residual connection whose branch is weighted by a vector that belongs to the image, on the GPU.
#pragma once

#include <pixnerd/ops/cuda_image_rows.cuh>
#include <pixnerd/ops/cuda_reduce.cuh>
#include <pixnerd/ops/gated_residual.hpp>

namespace pixnerd {

namespace detail {

template <class T, int packet>
struct GatedResidualForward {
  std::int64_t width;
  const T *s, *gate, *h;
  T* y;

  __device__ void operator()(std::int64_t image, std::int64_t column, std::int64_t first, std::int64_t last,
                             int step) const {
    using W = wide_t<T>;
    W a[packet];
    load_wide(gate + image * width + column, a);
    for (std::int64_t row = first; row < last; row += step) {
      W values[packet], branch[packet];
      load_wide(s + row * width + column, values);
      load_wide(h + row * width + column, branch);
#pragma unroll
      for (int j = 0; j < packet; ++j) values[j] += a[j] * branch[j];
      put_wide(GradTarget<T>{y}, row * width + column, values);
    }
  }
};

/// Sums of grad_y h over the tokens of an image; writes grad_h on the way.
template <class T, int packet>
struct GatedResidualBackward {
  std::int64_t length, width;
  const T *gate, *h, *grad_y;
  GradTarget<T> grad_h;

  __device__ void operator()(std::int64_t row, std::int64_t column, wide_t<T> (&sum)[1][packet]) const {
    using W = wide_t<T>;
    const std::int64_t at = row * width + column;
    W g[packet], values[packet];
    load_wide(grad_y + at, g);
    load_wide(h + at, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) sum[0][j] += g[j] * values[j];
    if (!grad_h.data) return;
    load_wide(gate + row / length * width + column, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) values[j] *= g[j];
    put_wide(grad_h, at, values);
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

/// Threads own 16 bytes of neighboring columns and walk over tokens of one image. Backward reads h and grad_y once, writes
/// grad_h and sums over the tokens on the same way.
template <>
struct gated_residual_kernel<Cuda> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* s, const T* gate,
                      const T* h, T* y) {
    constexpr int packet = detail::Packet<T>::count;
    if (detail::in_packets<T>(width, s, gate, h, y)) {
      detail::image_rows<packet>("gated_residual", batch, length, width,
                                 detail::GatedResidualForward<T, packet>{width, s, gate, h, y});
    } else {
      detail::image_rows<1>("gated_residual", batch, length, width,
                            detail::GatedResidualForward<T, 1>{width, s, gate, h, y});
    }
  }

  template <class T>
  static void backward(std::int64_t batch, std::int64_t length, std::int64_t width, const T* gate, const T* h,
                       const T* grad_y, GradTarget<T> grad_h, GradTarget<T> grad_gate) {
    using W = wide_t<T>;
    constexpr int packet = detail::Packet<T>::count;
    if (!grad_h && !grad_gate) return;
    const detail::PutGate<T> put{width, grad_gate};
    if (detail::in_packets<T>(width, gate, h, grad_y, grad_h.data)) {
      grouped_column_sums<W, 1, packet>(
          "gated_residual", batch, length, width,
          detail::GatedResidualBackward<T, packet>{length, width, gate, h, grad_y, grad_h}, put);
    } else {
      grouped_column_sums<W, 1, 1>(
          "gated_residual", batch, length, width,
          detail::GatedResidualBackward<T, 1>{length, width, gate, h, grad_y, grad_h}, put);
    }
  }

  template <class T>
  static void backward_s(std::int64_t count, const T* grad_y, GradTarget<T> grad_s) {
    cuda_elementwise<T, 1, 1>("gated_residual", count, {grad_y}, {grad_s}, detail::AddGradient{});
  }
};

}  // namespace pixnerd
