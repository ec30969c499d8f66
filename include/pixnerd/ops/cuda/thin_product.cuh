// SPDX-License-Identifier: MIT
/// \file
/// Products of tall matrices with at most 4 columns, for which libraries for large products are slow. They
/// are limited by memory, so each wide row is touched once.
///
/// Rows repeat after a period, such as the pixels of one patch after another. A thread handles 16 bytes of
/// features of one row of the period and iterates over part of its repetitions, so that weights, values that
/// depend only on the place in the period, and all sums over rows stay in registers. Neighboring threads
/// access neighboring memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/cuda/mma.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>

namespace pixnerd {

/// Wide rows have `features` elements, thin rows `values`. Rows that are `period` rows apart are at the same
/// place in the period.
struct ThinSizes {
  std::int64_t rows = 0, features = 0, values = 0, period = 1;

  PIXNERD_HOST_DEVICE std::int64_t repetitions() const { return (rows + period - 1) / period; }
};

/// A matrix (features, values) with any strides.
template <class T>
struct ThinMatrix {
  T* data = nullptr;
  std::int64_t feature_stride = 0, value_stride = 0;

  PIXNERD_HOST_DEVICE std::int64_t index(std::int64_t feature, std::int64_t value) const {
    return feature * feature_stride + value * value_stride;
  }
};

namespace detail {

constexpr int thin_threads = 256, thin_values = 4;

template <class T, int width>
struct alignas(sizeof(T) * width) ThinPacket {
  T values[width];
};

/// Rounds neighboring elements, and writes or adds them in one access.
template <class T, int width>
__device__ inline void put_packet(const GradTarget<T>& to, std::int64_t i, wide_t<T> (&y)[width]) {
  using W = wide_t<T>;
  if (to.add) {
    const auto before = *reinterpret_cast<const ThinPacket<T, width>*>(to.data + i);
#pragma unroll
    for (int j = 0; j < width; ++j) y[j] += static_cast<W>(before.values[j]);
  }
  if constexpr (std::same_as<T, bfloat16> && width == 8) {
    *reinterpret_cast<uint4*>(to.data + i) = uint4{pack_bfloat16(y[0], y[1]), pack_bfloat16(y[2], y[3]),
                                                   pack_bfloat16(y[4], y[5]), pack_bfloat16(y[6], y[7])};
  } else {
    ThinPacket<T, width> out;
#pragma unroll
    for (int j = 0; j < width; ++j) out.values[j] = static_cast<T>(y[j]);
    *reinterpret_cast<ThinPacket<T, width>*>(to.data + i) = out;
  }
}

/// The repetitions of its place in the period that a thread handles, counted from the first.
struct ThinWalk {
  std::int64_t first_row;
  int count;  ///< repetitions of the part, the same for every thread of a block
  int rows;   ///< how many of them exist for this place

  __device__ ThinWalk(const ThinSizes& s, std::int64_t each, std::int64_t place) {
    const std::int64_t begin = blockIdx.y * each, left = s.repetitions() - begin;
    first_row = begin * s.period + place;
    count = static_cast<int>(left < each ? left : each);
    // Only the last repetition may be incomplete.
    rows = count - (first_row + (count - 1) * s.period >= s.rows ? 1 : 0);
  }
};

/// The first 4 values of a thin row; 0 beyond its end or if the row does not exist.
template <class T>
__device__ inline void load_thin(int values, const T* row, bool valid, wide_t<T> (&x)[thin_values]) {
#pragma unroll
  for (int v = 0; v < thin_values; ++v)
    x[v] = valid && v < values ? static_cast<wide_t<T>>(row[v]) : wide_t<T>(0);
}

template <class T, int width>
__device__ inline void load_weight(const ThinSizes& s, const ThinMatrix<const T>& weight,
                                   std::int64_t feature, bool valid, wide_t<T> (&w)[thin_values][width]) {
#pragma unroll
  for (int v = 0; v < thin_values; ++v) {
#pragma unroll
    for (int j = 0; j < width; ++j) {
      w[v][j] = valid && v < s.values ? static_cast<wide_t<T>>(weight.data[weight.index(feature + j, v)])
                                      : wide_t<T>(0);
    }
  }
}

template <class T, int width>
__global__ void __launch_bounds__(thin_threads)
    thin_expand_kernel(ThinSizes s, std::int64_t each, const T* thin, ThinMatrix<const T> weight,
                       const wide_t<T>* base, GradTarget<T> out) {
  using W = wide_t<T>;
  constexpr int batch = 4;  // rows whose loads overlap
  const std::int64_t packets = s.features / width;
  const std::int64_t index = std::int64_t{blockIdx.x} * thin_threads + threadIdx.x;
  if (index >= s.period * packets) return;
  const std::int64_t place = index / packets, feature = index % packets * width;
  W w[thin_values][width], start[width];
  load_weight(s, weight, feature, true, w);
#pragma unroll
  for (int j = 0; j < width; ++j) start[j] = base != nullptr ? base[place * s.features + feature + j] : W(0);

  const ThinWalk walk(s, each, place);
  const int values = static_cast<int>(s.values);
  const T* from = thin + walk.first_row * values;
  std::int64_t to = walk.first_row * s.features + feature;
  for (int p = 0; p < walk.rows; p += batch) {
    W x[batch][thin_values];
#pragma unroll
    for (int b = 0; b < batch; ++b) load_thin(values, from + b * s.period * values, p + b < walk.rows, x[b]);
#pragma unroll
    for (int b = 0; b < batch; ++b) {
      if (p + b >= walk.rows) break;
      W y[width];
#pragma unroll
      for (int j = 0; j < width; ++j) {
        y[j] = start[j];
#pragma unroll
        for (int v = 0; v < thin_values; ++v) y[j] += x[b][v] * w[v][j];
      }
      for (int v = thin_values; v < values; ++v) {
        const W value = static_cast<W>(from[v]);
        for (int j = 0; j < width; ++j)
          y[j] += value * static_cast<W>(weight.data[weight.index(feature + j, v)]);
      }
      put_packet(out, to, y);
      from += s.period * values;
      to += s.period * s.features;
    }
  }
}

/// The division of the repetitions into parts of `each`, by sizes alone.
struct ThinParts {
  unsigned blocks, parts;
  std::int64_t each;

  ThinParts(const ThinSizes& s, std::int64_t width, std::int64_t wanted_blocks, std::int64_t most_parts)
      : blocks(blocks_for(s.period * (s.features / width), thin_threads)) {
    const std::int64_t wanted = std::clamp<std::int64_t>(wanted_blocks / blocks, 1, most_parts);
    each = std::max<std::int64_t>(1, (s.repetitions() + wanted - 1) / wanted);
    parts = blocks_for(s.repetitions(), each);
  }
};

}  // namespace detail

/// out (rows, features) = thin (rows, values) * weight^T, and base (period, features) unless null. Any sizes.
template <class T>
void thin_expand(const char* op, const ThinSizes& s, const T* thin, const ThinMatrix<const T>& weight,
                 const wide_t<T>* base, GradTarget<T> out) {
  if (s.rows == 0 || s.features == 0) return;
  const auto run = [&]<int width>(std::integral_constant<int, width>) {
    const detail::ThinParts grid(s, width, 2048, 2048);
    launch(op, detail::thin_expand_kernel<T, width>, dim3(grid.blocks, grid.parts), detail::thin_threads, 0,
           s, grid.each, thin, weight, base, out);
  };
  constexpr int packet = detail::Packet<T>::count;
  if (detail::in_packets<T>(s.features, out.data)) {
    run(std::integral_constant<int, packet>());
  } else {
    run(std::integral_constant<int, 1>());
  }
}

}  // namespace pixnerd
