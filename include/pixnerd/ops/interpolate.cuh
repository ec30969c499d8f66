// SPDX-License-Identifier: MIT
/// \file
/// Resizing images on the GPU. Forward has one thread per pixel of the result. Backward has one per pixel of
/// the source, which gathers its gradient, so that sums have a fixed order.
#pragma once

#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/ops/interpolate.hpp>

namespace pixnerd {

namespace detail {

template <class T>
__global__ void interpolate_forward_kernel(std::int64_t count, InterpolationSizes<wide_t<T>> sizes,
                                           const T* x, T* y) {
  using W = wide_t<T>;
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [row, j] = divide(index, sizes.columns.out);
  const auto [plane, i] = divide(row, sizes.rows.out);
  const auto down = sizes.rows.taps(i), across = sizes.columns.taps(j);
  const T* from = x + plane * sizes.rows.in * sizes.columns.in;
  const int taps = sizes.rows.count();
  W value = 0;
  for (int k = 0; k < taps; ++k) {
    const T* line = from + down.at[k] * sizes.columns.in;
    W sum = 0;
    for (int l = 0; l < taps; ++l) sum += across.weight[l] * static_cast<W>(line[across.at[l]]);
    value += down.weight[k] * sum;
  }
  y[index] = static_cast<T>(value);
}

template <class T>
__global__ void interpolate_backward_kernel(std::int64_t count, InterpolationSizes<wide_t<T>> sizes,
                                            const T* grad_y, GradTarget<T> grad_x) {
  using W = wide_t<T>;
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [row, q] = divide(index, sizes.columns.in);
  const auto [plane, p] = divide(row, sizes.rows.in);
  const T* from = grad_y + plane * sizes.rows.out * sizes.columns.out;
  std::int64_t top, bottom, left, right;
  sizes.rows.range_of(p, top, bottom);
  sizes.columns.range_of(q, left, right);
  W total = 0;
  for (std::int64_t i = top; i < bottom; ++i) {
    const W weight = sizes.rows.weight_of(p, i);
    if (weight == 0) continue;
    W sum = 0;
    for (std::int64_t j = left; j < right; ++j)
      sum += sizes.columns.weight_of(q, j) * static_cast<W>(from[i * sizes.columns.out + j]);
    total += weight * sum;
  }
  grad_x.put(index, static_cast<T>(total));
}

}  // namespace detail

template <>
struct InterpolateKernel<Cuda> {
  static constexpr int threads = 256;

  template <class T>
  static void forward(const detail::InterpolationSizes<wide_t<T>>& sizes, const T* x, T* y) {
    const std::int64_t count = sizes.planes * sizes.rows.out * sizes.columns.out;
    launch("interpolate", detail::interpolate_forward_kernel<T>, blocks_for(count, threads), threads, 0,
           count, sizes, x, y);
  }

  template <class T>
  static void backward(const detail::InterpolationSizes<wide_t<T>>& sizes, const T* grad_y,
                       GradTarget<T> grad_x) {
    const std::int64_t count = sizes.planes * sizes.rows.in * sizes.columns.in;
    launch("interpolate", detail::interpolate_backward_kernel<T>, blocks_for(count, threads), threads, 0,
           count, sizes, grad_y, grad_x);
  }
};

}  // namespace pixnerd
