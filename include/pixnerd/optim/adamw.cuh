// SPDX-License-Identifier: MIT
/// \file
/// AdamW, clipping, averaging and rounding on the GPU, in one pass over memory.
#pragma once

#include <cmath>
#include <cstdint>

#include <pixnerd/ops/cuda/elementwise.cuh>
#include <pixnerd/optim/adamw.hpp>

namespace pixnerd {

namespace detail {

/// A thread updates 16 bytes of each slab. ParameterStore aligns all slabs to that, and the averaged elements
/// end at a multiple of it.
template <class T, class C>
__global__ void adamw_packets(std::int64_t count, std::int64_t averaged, AdamwFactors<T> f,
                              const double* scale, AdamwSlabs<T, C> slabs) {
  constexpr int width = Packet<T>::count;
  struct alignas(width * sizeof(C)) Copy {
    C values[width];
  };
  const std::int64_t first = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * width;
  if (first >= count) return;
  if (scale != nullptr) f.gradient_scale = static_cast<T>(*scale);
  if (f.gradient_scale != f.gradient_scale) return;  // something was not finite
  const auto at = [first](auto* slab) -> Packet<T>& { return *reinterpret_cast<Packet<T>*>(slab + first); };
  const auto gradient = *reinterpret_cast<const Packet<T>*>(slabs.gradient + first);
  auto weight = at(slabs.weight), moment = at(slabs.first), second = at(slabs.second);
#pragma unroll
  for (int k = 0; k < width; ++k) {
    const T g = gradient.values[k] * f.gradient_scale;
    moment.values[k] = adamw_first(moment.values[k], g, f);
    second.values[k] = adamw_second(second.values[k], g, f);
    weight.values[k] = adamw_weight(weight.values[k], moment.values[k], std::sqrt(second.values[k]), f);
  }
  at(slabs.weight) = weight;
  at(slabs.first) = moment;
  at(slabs.second) = second;
  if (first < averaged) {
    auto average = at(slabs.average);
#pragma unroll
    for (int k = 0; k < width; ++k) {
      average.values[k] = average_value(average.values[k], weight.values[k], f.average_decay, f.average_rest);
    }
    at(slabs.average) = average;
  }
  if (slabs.copy != nullptr) {
    Copy copy;
#pragma unroll
    for (int k = 0; k < width; ++k) copy.values[k] = static_cast<C>(weight.values[k]);
    *reinterpret_cast<Copy*>(slabs.copy + first) = copy;
  }
}

}  // namespace detail

template <>
struct AdamwKernel<Cuda> {
  template <class T, class C>
  static void update(std::int64_t count, std::int64_t averaged, const AdamwFactors<T>& factors,
                     const double* scale, const AdamwSlabs<T, C>& slabs) {
    constexpr int threads = 256, width = detail::Packet<T>::count;
    if (count % width != 0 || averaged % width != 0) {
      raise<ValueError>("adamw", str_cat("slabs of a multiple of ", width, " elements"),
                        str_cat(count, ", ", averaged, " of them averaged"));
    }
    launch("adamw", detail::adamw_packets<T, C>, blocks_for(count, threads * width), threads, 0, count,
           averaged, factors, scale, slabs);
  }
};

}  // namespace pixnerd
