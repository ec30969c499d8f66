// SPDX-License-Identifier: MIT
/// \file
/// The global norm of all gradients on the GPU.
#pragma once

#include <cstdint>
#include <limits>

#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/optim/grad_norm.hpp>

namespace pixnerd {

namespace detail {

/// Each block sums the squares of `grain` elements. x is aligned to 16 bytes.
template <class T>
__global__ void sum_squares(std::int64_t count, std::int64_t grain, const T* x, double* partial) {
  constexpr int width = Packet<T>::count;
  const std::int64_t begin = blockIdx.x * grain, end = begin + grain < count ? begin + grain : count;
  double sum = 0;
  for (std::int64_t i = begin + threadIdx.x * width; i < end; i += std::int64_t{blockDim.x} * width) {
    if (i + width <= end) {
      const auto packet = *reinterpret_cast<const Packet<T>*>(x + i);
#pragma unroll
      for (int k = 0; k < width; ++k) {
        const double value = packet.values[k];
        sum += value * value;
      }
    } else {
      for (std::int64_t k = i; k < end; ++k) sum += static_cast<double>(x[k]) * static_cast<double>(x[k]);
    }
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// One block adds the sums of the others.
template <class T>
__global__ void finish_measurements(std::int64_t blocks, const double* partial, NormBounds bounds,
                                    std::int64_t loss_count, const T* losses, double* measured) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < blocks; i += blockDim.x) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) put_measurements(sum, bounds, loss_count, losses, measured);
}

template <class T>
__global__ void find_non_finite(std::int64_t count, const T* x, long long* first) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count && !is_finite_value(static_cast<double>(x[i]))) atomicMin(first, static_cast<long long>(i));
}

}  // namespace detail

template <>
struct GradNormKernel<Cuda> {
  static constexpr std::int64_t grain = 1 << 15;

  template <class T>
  static void measure(std::int64_t count, const T* x, detail::NormBounds bounds, std::int64_t loss_count,
                      const T* losses, double* measured) {
    const std::int64_t blocks = (count + grain - 1) / grain;
    const Tensor<double, Cuda> partial({blocks});
    launch("grad_norm", detail::sum_squares<T>, blocks_for(count, grain), 256, 0, count, grain, x,
           partial.data());
    launch("grad_norm", detail::finish_measurements<T>, 1, 512, 0, blocks, partial.data(), bounds, loss_count,
           losses, measured);
  }

  template <class T>
  static std::int64_t first_non_finite(std::int64_t count, const T* x) {
    constexpr long long none = std::numeric_limits<long long>::max();
    const auto first = Tensor<long long, Cuda>::full({1}, none);
    launch("grad_norm", detail::find_non_finite<T>, blocks_for(count, 256), 256, 0, count, x, first.data());
    const long long found = first.item();
    return found == none ? -1 : found;
  }
};

}  // namespace pixnerd
