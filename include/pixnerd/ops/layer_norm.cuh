// SPDX-License-Identifier: MIT
/// \file
/// Layer normalization on the GPU: one warp per row, 16 bytes per thread and access where addresses allow it.
/// The second read of a row comes from the nearest cache.
#pragma once

#include <cmath>

#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>
#include <pixnerd/ops/layer_norm.hpp>

namespace pixnerd {

namespace detail {

constexpr int layer_norm_threads = 128;

template <class T>
struct LayerNormRows {
  std::int64_t rows, width;
  const T* x;
  const wide_t<T>*weight, *bias;
  wide_t<T> epsilon;
  T* y;
  wide_t<T>*mean, *inverse;
};

/// Calls body(column) for each packet of a row that this thread handles.
template <int packet, class Body>
__device__ inline void for_columns(std::int64_t width, Body body) {
  for (std::int64_t j = std::int64_t{threadIdx.x % warp_size} * packet; j < width; j += warp_size * packet)
    body(j);
}

template <class T, int packet>
__global__ void __launch_bounds__(layer_norm_threads) layer_norm_forward_kernel(LayerNormRows<T> a) {
  using W = wide_t<T>;
  const std::int64_t row = thread_index() / warp_size;
  if (row >= a.rows) return;  // true for whole warps
  const T* x = a.x + row * a.width;
  W sum = 0;
  for_columns<packet>(a.width, [&](std::int64_t column) {
    W values[packet];
    load_wide<packet>(x + column, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) sum += values[j];
  });
  const W mean = warp_sum(sum) / W(a.width);
  W squares = 0;
  for_columns<packet>(a.width, [&](std::int64_t column) {
    W values[packet];
    load_wide<packet>(x + column, values);
#pragma unroll
    for (int j = 0; j < packet; ++j) squares += (values[j] - mean) * (values[j] - mean);
  });
  const W inverse = W(1) / std::sqrt(warp_sum(squares) / W(a.width) + a.epsilon);
  if (threadIdx.x % warp_size == 0) {
    a.mean[row] = mean;
    a.inverse[row] = inverse;
  }
  for_columns<packet>(a.width, [&](std::int64_t column) {
    W values[packet], weight[packet], bias[packet];
    load_wide<packet>(x + column, values);
    load_wide<packet>(a.weight + column, weight);
    load_wide<packet>(a.bias + column, bias);
#pragma unroll
    for (int j = 0; j < packet; ++j) values[j] = (values[j] - mean) * inverse * weight[j] + bias[j];
    put_wide<packet>(GradTarget<T>{a.y}, row * a.width + column, values);
  });
}

template <class T, int packet>
__global__ void __launch_bounds__(layer_norm_threads)
    layer_norm_backward_kernel(LayerNormRows<T> a, const T* grad_y, GradTarget<T> grad_x) {
  using W = wide_t<T>;
  const std::int64_t row = thread_index() / warp_size;
  if (row >= a.rows) return;
  const T* x = a.x + row * a.width;
  const T* g = grad_y + row * a.width;
  const W mean = a.mean[row], inverse = a.inverse[row];
  // The gradient of the normalized row, and the row's deviations.
  const auto load = [&](std::int64_t column, W(&gradient)[packet], W(&deviation)[packet]) {
    W weight[packet];
    load_wide<packet>(g + column, gradient);
    load_wide<packet>(x + column, deviation);
    load_wide<packet>(a.weight + column, weight);
#pragma unroll
    for (int j = 0; j < packet; ++j) {
      gradient[j] *= weight[j];
      deviation[j] -= mean;
    }
  };
  W sum = 0, dot = 0;
  for_columns<packet>(a.width, [&](std::int64_t column) {
    W gradient[packet], deviation[packet];
    load(column, gradient, deviation);
#pragma unroll
    for (int j = 0; j < packet; ++j) {
      sum += gradient[j];
      dot += gradient[j] * deviation[j];
    }
  });
  const W level = warp_sum(sum) / W(a.width), along = warp_sum(dot) * inverse * inverse / W(a.width);
  for_columns<packet>(a.width, [&](std::int64_t column) {
    W gradient[packet], deviation[packet];
    load(column, gradient, deviation);
#pragma unroll
    for (int j = 0; j < packet; ++j) gradient[j] = (gradient[j] - level - deviation[j] * along) * inverse;
    put_wide<packet>(grad_x, row * a.width + column, gradient);
  });
}

/// The contribution of a row to the gradients of weight and bias.
template <class T>
struct LayerNormTerm {
  std::int64_t width;
  const T *x, *grad_y;
  const wide_t<T>*mean, *inverse;

  __device__ void operator()(std::int64_t row, std::int64_t column, wide_t<T> (&sum)[2][1]) const {
    using W = wide_t<T>;
    const std::int64_t at = row * width + column;
    const W g = static_cast<W>(grad_y[at]);
    sum[0][0] += g * (static_cast<W>(x[at]) - mean[row]) * inverse[row];
    sum[1][0] += g;
  }
};

template <class W>
struct PutLayerNorm {
  GradTarget<W> grad_weight, grad_bias;

  __device__ void operator()(std::int64_t, std::int64_t column, const W (&total)[2]) const {
    if (grad_weight.data != nullptr) grad_weight.put(column, total[0]);
    if (grad_bias.data != nullptr) grad_bias.put(column, total[1]);
  }
};

}  // namespace detail

template <>
struct LayerNormKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, double epsilon, const T* x,
                      const wide_t<T>* weight, const wide_t<T>* bias, T* y, wide_t<T>* mean,
                      wide_t<T>* inverse) {
    const detail::LayerNormRows<T> a{rows, width, x,      weight, bias, static_cast<wide_t<T>>(epsilon),
                                     y,    mean,  inverse};
    const bool packed = width % packet_width<T> == 0 && detail::fit_packets(x, weight, bias, y);
    launch("layer_norm",
           packed ? detail::layer_norm_forward_kernel<T, packet_width<T>>
                  : detail::layer_norm_forward_kernel<T, 1>,
           blocks_for(rows, rows_a_block), detail::layer_norm_threads, 0, a);
  }

  template <class T>
  static void backward_x(std::int64_t rows, std::int64_t width, const T* x, const wide_t<T>* weight,
                         const wide_t<T>* mean, const wide_t<T>* inverse, const T* grad_y,
                         GradTarget<T> grad_x) {
    // The kernel wrote neither of them.
    const detail::LayerNormRows<T> a{rows,
                                     width,
                                     x,
                                     weight,
                                     nullptr,
                                     0,
                                     nullptr,
                                     const_cast<wide_t<T>*>(mean),
                                     const_cast<wide_t<T>*>(inverse)};
    const bool packed = width % packet_width<T> == 0 && detail::fit_packets(x, weight, grad_y, grad_x.data);
    launch("layer_norm",
           packed ? detail::layer_norm_backward_kernel<T, packet_width<T>>
                  : detail::layer_norm_backward_kernel<T, 1>,
           blocks_for(rows, rows_a_block), detail::layer_norm_threads, 0, a, grad_y, grad_x);
  }

  template <class T>
  static void backward_parameters(std::int64_t rows, std::int64_t width, const T* x, const wide_t<T>* mean,
                                  const wide_t<T>* inverse, const T* grad_y,
                                  GradTarget<wide_t<T>> grad_weight, GradTarget<wide_t<T>> grad_bias) {
    using W = wide_t<T>;
    grouped_column_sums<W, 2, 1>("layer_norm", 1, rows, width,
                                 detail::LayerNormTerm<T>{width, x, grad_y, mean, inverse},
                                 detail::PutLayerNorm<W>{grad_weight, grad_bias});
  }

 private:
  static constexpr std::int64_t rows_a_block = detail::layer_norm_threads / warp_size;
};

}  // namespace pixnerd
