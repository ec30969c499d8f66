// SPDX-License-Identifier: MIT
/// \file
/// The mean squared difference of two tensors on the GPU. Forward reads both once, 16 bytes per access, into
/// one partial sum per block; a second kernel adds those. Backward computes both gradients in one pass.
#pragma once

#include <algorithm>

#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/ops/mean_squared_error.hpp>

namespace pixnerd {

namespace detail {

inline constexpr int mean_squared_error_threads = 256;

/// There are `count` pieces of `width` elements, `units` per sample.
template <int width, class T>
__global__ void mean_squared_error_forward(std::int64_t count, std::int64_t units, const T* prediction,
                                           const T* target, const T* weight, double* partial) {
  double sum = 0;
#pragma unroll 2
  for (std::int64_t index = thread_index(); index < count; index += std::int64_t{gridDim.x} * blockDim.x) {
    wide_t<T> p[width], t[width];
    load_wide<width>(prediction + index * width, p);
    load_wide<width>(target + index * width, t);
    double piece = 0;
#pragma unroll
    for (int j = 0; j < width; ++j) {
      const double difference = static_cast<double>(p[j]) - static_cast<double>(t[j]);
      piece += difference * difference;
    }
    if (weight != nullptr) piece *= static_cast<wide_t<T>>(weight[divide(index, units).quotient]);
    sum += piece;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class T>
__global__ void mean_squared_error_finish(std::int64_t blocks, const double* partial, double count, T* loss) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < blocks; i += blockDim.x) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = static_cast<T>(static_cast<wide_t<T>>(sum / count));
}

template <int width, class T>
__global__ void mean_squared_error_backward(std::int64_t count, std::int64_t units, const T* prediction,
                                            const T* target, const T* weight, const T* grad_loss,
                                            GradTarget<T> grad_p, GradTarget<T> grad_t) {
  using W = wide_t<T>;
  const std::int64_t index = thread_index();
  if (index >= count) return;
  double factor = 2.0 * static_cast<W>(*grad_loss) / static_cast<double>(count * width);
  if (weight != nullptr) factor *= static_cast<W>(weight[divide(index, units).quotient]);
  const W slope = static_cast<W>(factor);
  W p[width], t[width];
  load_wide<width>(prediction + index * width, p);
  load_wide<width>(target + index * width, t);
  // Both may belong to one tensor, so one is written after the other.
  if (grad_p.data != nullptr) {
    W grad[width];
#pragma unroll
    for (int j = 0; j < width; ++j) grad[j] = slope * (p[j] - t[j]);
    put_wide<width>(grad_p, index * width, grad);
  }
  if (grad_t.data != nullptr) {
    W grad[width];
#pragma unroll
    for (int j = 0; j < width; ++j) grad[j] = slope * (t[j] - p[j]);
    put_wide<width>(grad_t, index * width, grad);
  }
}

}  // namespace detail

template <>
struct MeanSquaredErrorKernel<Cuda> {
  template <class T>
  static void forward(std::int64_t batch, std::int64_t each, const T* prediction, const T* target,
                      const T* weight, T* loss) {
    constexpr int packet = packet_width<T>, threads = detail::mean_squared_error_threads;
    const auto run = [&](auto kernel, int width) {
      const std::int64_t count = batch * each / width;
      // At least four pieces per thread, and enough blocks for the largest GPUs.
      const std::int64_t blocks =
          std::clamp<std::int64_t>((count + 4 * threads - 1) / (4 * threads), 1, 1024);
      const Tensor<double, Cuda> partial({blocks});
      launch("mean_squared_error", kernel, blocks_for(blocks, 1), threads, 0, count, each / width, prediction,
             target, weight, partial.data());
      launch("mean_squared_error", detail::mean_squared_error_finish<T>, 1, threads, 0, blocks,
             static_cast<const double*>(partial.data()), static_cast<double>(batch * each), loss);
    };
    if (each % packet == 0 && detail::fit_packets(prediction, target)) {
      run(detail::mean_squared_error_forward<packet, T>, packet);
    } else {
      run(detail::mean_squared_error_forward<1, T>, 1);
    }
  }

  /// Either target may be false. Both may belong to one tensor: grad_p contributes first.
  template <class T>
  static void backward(std::int64_t batch, std::int64_t each, const T* prediction, const T* target,
                       const T* weight, const T* grad_loss, GradTarget<T> grad_p, GradTarget<T> grad_t) {
    constexpr int packet = packet_width<T>, threads = 256;
    const auto run = [&](auto kernel, int width) {
      const std::int64_t count = batch * each / width;
      launch("mean_squared_error", kernel, blocks_for(count, threads), threads, 0, count, each / width,
             prediction, target, weight, grad_loss, grad_p, grad_t);
    };
    if (each % packet == 0 && detail::fit_packets(prediction, target, grad_p.data, grad_t.data)) {
      run(detail::mean_squared_error_backward<packet, T>, packet);
    } else {
      run(detail::mean_squared_error_backward<1, T>, 1);
    }
  }
};

}  // namespace pixnerd
