// SPDX-License-Identifier: MIT
/// \file
/// Scaling the columns of matrices to length one on the GPU. A block handles some columns of a matrix:
/// threads along x have neighboring columns, 16 bytes each where addresses and sizes allow it, threads along
/// y different rows. The second pass over the matrix reads from the caches.
#pragma once

#include <pixnerd/ops/cuda/broadcast_sum.cuh>
#include <pixnerd/ops/normalize_columns.hpp>

namespace pixnerd {

namespace detail {

/// Sizes count pieces of `width` columns.
template <int width, class T>
__global__ void normalize_columns_forward(std::int64_t tiles, std::int64_t rows, std::int64_t units,
                                          wide_t<T> epsilon, const T* x, T* y, wide_t<T>* inverse_norm) {
  using W = wide_t<T>;
  const auto [matrix, tile] = divide(blockIdx.x, tiles);
  const std::int64_t unit = tile * blockDim.x + threadIdx.x;
  const bool inside = unit < units;
  const std::int64_t start = matrix * rows * units + unit;
  W inverse[width] = {};
  if (inside) {
#pragma unroll 4
    for (std::int64_t row = threadIdx.y; row < rows; row += blockDim.y) {
      W values[width];
      load_wide<width>(x + (start + row * units) * width, values);
#pragma unroll
      for (int j = 0; j < width; ++j) inverse[j] += values[j] * values[j];
    }
  }
  sum_along_y(inverse);
  if (!inside) return;
#pragma unroll
  for (int j = 0; j < width; ++j) {
    const W norm = std::sqrt(inverse[j]);
    inverse[j] = W(1) / (norm < epsilon ? epsilon : norm);  // NaN propagates
  }
#pragma unroll 4
  for (std::int64_t row = threadIdx.y; row < rows; row += blockDim.y) {
    const std::int64_t i = (start + row * units) * width;
    W values[width];
    load_wide<width>(x + i, values);
#pragma unroll
    for (int j = 0; j < width; ++j) values[j] *= inverse[j];
    put_wide<width>(GradTarget<T>{y}, i, values);
  }
  if (threadIdx.y == 0) {
#pragma unroll
    for (int j = 0; j < width; ++j) inverse_norm[(matrix * units + unit) * width + j] = inverse[j];
  }
}

template <int width, class T>
__global__ void normalize_columns_backward(std::int64_t tiles, std::int64_t rows, std::int64_t units,
                                           wide_t<T> epsilon, const T* y, const wide_t<T>* inverse_norm,
                                           const T* grad_y, GradTarget<T> grad_x) {
  using W = wide_t<T>;
  const auto [matrix, tile] = divide(blockIdx.x, tiles);
  const std::int64_t unit = tile * blockDim.x + threadIdx.x;
  const bool inside = unit < units;
  const std::int64_t start = matrix * rows * units + unit;
  W dot[width] = {};
  if (inside) {
#pragma unroll 2
    for (std::int64_t row = threadIdx.y; row < rows; row += blockDim.y) {
      const std::int64_t i = (start + row * units) * width;
      W g[width], values[width];
      load_wide<width>(grad_y + i, g);
      load_wide<width>(y + i, values);
#pragma unroll
      for (int j = 0; j < width; ++j) dot[j] += g[j] * values[j];
    }
  }
  sum_along_y(dot);
  if (!inside) return;
  W inverse[width];
#pragma unroll
  for (int j = 0; j < width; ++j) {
    inverse[j] = inverse_norm[(matrix * units + unit) * width + j];
    // If the norm was clamped, the column was only scaled.
    dot[j] = inverse[j] < W(1) / epsilon ? dot[j] : W(0);
  }
#pragma unroll 2
  for (std::int64_t row = threadIdx.y; row < rows; row += blockDim.y) {
    const std::int64_t i = (start + row * units) * width;
    W g[width], values[width];
    load_wide<width>(grad_y + i, g);
    load_wide<width>(y + i, values);
#pragma unroll
    for (int j = 0; j < width; ++j) g[j] = (g[j] - values[j] * dot[j]) * inverse[j];
    put_wide<width>(grad_x, i, g);
  }
}

}  // namespace detail

template <>
struct NormalizeColumnsKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t count, std::int64_t rows, std::int64_t columns, double epsilon, const T* x,
                      T* y, wide_t<T>* inverse_norm) {
    constexpr int packet = packet_width<T>;
    const auto run = [&](auto kernel, int width) {
      start(kernel, count, rows, columns / width, epsilon_of<T>(epsilon), x, y, inverse_norm);
    };
    if (columns % packet == 0 && detail::fit_packets(x, y)) {
      run(detail::normalize_columns_forward<packet, T>, packet);
    } else {
      run(detail::normalize_columns_forward<1, T>, 1);
    }
  }

  template <class T>
  static void backward(std::int64_t count, std::int64_t rows, std::int64_t columns, double epsilon,
                       const T* y, const wide_t<T>* inverse_norm, const T* grad_y, GradTarget<T> grad_x) {
    constexpr int packet = packet_width<T>;
    const auto run = [&](auto kernel, int width) {
      start(kernel, count, rows, columns / width, epsilon_of<T>(epsilon), y, inverse_norm, grad_y, grad_x);
    };
    if (columns % packet == 0 && detail::fit_packets(y, grad_y, grad_x.data)) {
      run(detail::normalize_columns_backward<packet, T>, packet);
    } else {
      run(detail::normalize_columns_backward<1, T>, 1);
    }
  }

 private:
  template <class T>
  static wide_t<T> epsilon_of(double epsilon) {
    return static_cast<wide_t<T>>(epsilon);
  }

  template <class Kernel, class... Arguments>
  static void start(Kernel kernel, std::int64_t count, std::int64_t rows, std::int64_t units,
                    Arguments... arguments) {
    const int x = std::min(warp_size, detail::power_of_two(units));
    const int y = std::min(detail::sum_threads / x, detail::power_of_two(rows));
    const std::int64_t tiles = (units + x - 1) / x;
    launch("normalize_columns", kernel, blocks_for(count * tiles, 1), dim3(x, y), 0, tiles, rows, units,
           arguments...);
  }
};

}  // namespace pixnerd
