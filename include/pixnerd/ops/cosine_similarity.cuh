// SPDX-License-Identifier: MIT
/// \file
/// The cosine of the angle between vectors on the GPU. A warp handles a row, a block of 256 threads a long
/// row. Forward reads both vectors once; backward computes both gradients in one pass.
#pragma once

#include <pixnerd/ops/cosine_similarity.hpp>
#include <pixnerd/ops/cuda/broadcast_sum.cuh>

namespace pixnerd {

namespace detail {

template <class W>
struct CosineSums {
  W dot = 0, xx = 0, yy = 0;
};

/// A row has `units` pieces of `width` elements; threadIdx.y counts rows.
template <int width, class T>
__global__ void cosine_similarity_forward(std::int64_t rows, std::int64_t units, wide_t<T> epsilon,
                                          const T* x, const T* y, T* cosine, wide_t<T>* inverse_norms) {
  using W = wide_t<T>;
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  CosineSums<W> sums;
  if (row < rows) {
#pragma unroll 2
    for (std::int64_t unit = threadIdx.x; unit < units; unit += blockDim.x) {
      W a[width], b[width];
      load_wide<width>(x + (row * units + unit) * width, a);
      load_wide<width>(y + (row * units + unit) * width, b);
#pragma unroll
      for (int j = 0; j < width; ++j) {
        sums.dot += a[j] * b[j];
        sums.xx += a[j] * a[j];
        sums.yy += b[j] * b[j];
      }
    }
  }
  const W dot = sum_along_x(sums.dot), xx = sum_along_x(sums.xx), yy = sum_along_x(sums.yy);
  if (row >= rows || threadIdx.x != 0) return;
  const W norm_x = std::sqrt(xx), norm_y = std::sqrt(yy);
  // Written so that NaN propagates.
  const W inverse_x = W(1) / (norm_x < epsilon ? epsilon : norm_x);
  const W inverse_y = W(1) / (norm_y < epsilon ? epsilon : norm_y);
  cosine[row] = static_cast<T>(dot * inverse_x * inverse_y);
  inverse_norms[2 * row] = inverse_x;
  inverse_norms[2 * row + 1] = inverse_y;
}

template <int width, class T>
__global__ void cosine_similarity_backward(std::int64_t rows, std::int64_t units, wide_t<T> epsilon,
                                           const T* x, const T* y, const T* cosine,
                                           const wide_t<T>* inverse_norms, const T* grad_cosine,
                                           GradTarget<T> grad_x, GradTarget<T> grad_y) {
  using W = wide_t<T>;
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  const W clamped = W(1) / epsilon;  // the inverse of a norm that does not depend on its vector
  const W inverse_x = inverse_norms[2 * row], inverse_y = inverse_norms[2 * row + 1];
  const W g = static_cast<W>(grad_cosine[row]), across = g * inverse_x * inverse_y,
          along = g * static_cast<W>(cosine[row]);
  const W own_x = inverse_x < clamped ? along * inverse_x * inverse_x : W(0);
  const W own_y = inverse_y < clamped ? along * inverse_y * inverse_y : W(0);
#pragma unroll 2
  for (std::int64_t unit = threadIdx.x; unit < units; unit += blockDim.x) {
    const std::int64_t i = (row * units + unit) * width;
    W a[width], b[width], grad[width];
    load_wide<width>(x + i, a);
    load_wide<width>(y + i, b);
    // Both may belong to one tensor, so one is written after the other.
    if (grad_x.data != nullptr) {
#pragma unroll
      for (int j = 0; j < width; ++j) grad[j] = across * b[j] - own_x * a[j];
      put_wide<width>(grad_x, i, grad);
    }
    if (grad_y.data != nullptr) {
#pragma unroll
      for (int j = 0; j < width; ++j) grad[j] = across * a[j] - own_y * b[j];
      put_wide<width>(grad_y, i, grad);
    }
  }
}

}  // namespace detail

template <>
struct CosineSimilarityKernel<Cuda> {
  /// inverse_norms (rows, 2): of x and of y.
  template <class T>
  static void forward(std::int64_t rows, std::int64_t width, double epsilon, const T* x, const T* y,
                      T* cosine, wide_t<T>* inverse_norms) {
    constexpr int packet = packet_width<T>;
    const auto run = [&](auto kernel, std::int64_t units) {
      const dim3 block = shape(units);
      launch("cosine_similarity", kernel, blocks_for(rows, block.y), block, 0, rows, units,
             static_cast<wide_t<T>>(epsilon), x, y, cosine, inverse_norms);
    };
    if (width % packet == 0 && detail::fit_packets(x, y)) {
      run(detail::cosine_similarity_forward<packet, T>, width / packet);
    } else {
      run(detail::cosine_similarity_forward<1, T>, width);
    }
  }

  /// Either target may be false. Both may belong to one tensor: grad_x contributes first.
  template <class T>
  static void backward(std::int64_t rows, std::int64_t width, double epsilon, const T* x, const T* y,
                       const T* cosine, const wide_t<T>* inverse_norms, const T* grad_cosine,
                       GradTarget<T> grad_x, GradTarget<T> grad_y) {
    constexpr int packet = packet_width<T>;
    const auto run = [&](auto kernel, std::int64_t units) {
      const dim3 block = shape(units);
      launch("cosine_similarity", kernel, blocks_for(rows, block.y), block, 0, rows, units,
             static_cast<wide_t<T>>(epsilon), x, y, cosine, inverse_norms, grad_cosine, grad_x, grad_y);
    };
    if (width % packet == 0 && detail::fit_packets(x, y, grad_x.data, grad_y.data)) {
      run(detail::cosine_similarity_backward<packet, T>, width / packet);
    } else {
      run(detail::cosine_similarity_backward<1, T>, width);
    }
  }

 private:
  static dim3 shape(std::int64_t units) {
    return units <= 16 * warp_size ? dim3(warp_size, 8) : dim3(detail::sum_threads, 1);
  }
};

}  // namespace pixnerd
