// SPDX-License-Identifier: MIT
/// \file
/// Conversion between element types on the GPU.
#pragma once

#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/cuda/vector.cuh>

namespace pixnerd {

namespace detail {

template <int width, class From, class To>
__global__ void cast_kernel_of(std::int64_t count, const From* x, GradTarget<To> y) {
  const std::int64_t first = thread_index() * width;
  if (first >= count) return;
  if (first + width > count) {
    for (std::int64_t i = first; i < count; ++i) {
      wide_t<To> value[1] = {static_cast<wide_t<To>>(static_cast<wide_t<From>>(x[i]))};
      put_wide<1>(y, i, value);
    }
    return;
  }
  // 16 bytes of the narrower type take several accesses of the wider one.
  constexpr int from_width = width < packet_width<From> ? width : packet_width<From>;
  constexpr int to_width = width < packet_width<To> ? width : packet_width<To>;
  wide_t<To> values[width];
#pragma unroll
  for (int j = 0; j < width; j += from_width) {
    wide_t<From> part[from_width];
    load_wide<from_width>(x + first + j, part);
#pragma unroll
    for (int k = 0; k < from_width; ++k) values[j + k] = static_cast<wide_t<To>>(part[k]);
  }
#pragma unroll
  for (int j = 0; j < width; j += to_width) {
    wide_t<To> part[to_width];
#pragma unroll
    for (int k = 0; k < to_width; ++k) part[k] = values[j + k];
    put_wide<to_width>(y, first + j, part);
  }
}

}  // namespace detail

template <>
struct CastKernel<Cuda> {
  template <class From, class To>
  static void run(std::int64_t count, const From* x, GradTarget<To> y) {
    constexpr int packet = packet_width < From >> packet_width<To> ? packet_width<From> : packet_width<To>;
    constexpr int threads = 256;
    if (detail::fit_packets(x, y.data)) {
      launch("cast", detail::cast_kernel_of<packet, From, To>, blocks_for(count, threads * packet), threads,
             0, count, x, y);
    } else {
      launch("cast", detail::cast_kernel_of<1, From, To>, blocks_for(count, threads), threads, 0, count, x,
             y);
    }
  }
};

}  // namespace pixnerd
