// SPDX-License-Identifier: MIT
/// \file
/// Products that contract wide rows to at most 4 values per row, and sums over rows, in one pass over them;
/// thin_product.cuh explains how they map to threads.
#pragma once

#include <bit>

#include <pixnerd/ops/cuda/thin_product.cuh>

namespace pixnerd {

/// The operands and results of thin_contract. What is null or false is not computed.
template <class T>
struct ThinContraction {
  const T* wide = nullptr;                ///< (rows, features)
  ThinMatrix<const T> weight = {};        ///< for `out`
  const T* bias = nullptr;                ///< (values), for `out`
  GradTarget<T> out = {};                 ///< (rows, values): wide weight + bias
  const T* thin = nullptr;                ///< (rows, values), for `value_sums`
  ThinMatrix<wide_t<T>> value_sums = {};  ///< wide^T thin
  bool add_value_sums = false;            ///< added instead of written
  wide_t<T>* period_sums = nullptr;       ///< (period, features): wide summed over the repetitions
};

namespace detail {

/// The threads of one row are neighbors within a warp; their number is a power of two.
template <class T, int width, bool sums>
__global__ void __launch_bounds__(thin_threads, 2)
    thin_contract_kernel(ThinSizes s, std::int64_t each, ThinContraction<T> c, wide_t<T>* value_parts,
                         wide_t<T>* period_parts) {
  using W = wide_t<T>;
  constexpr int batch = 2;
  const int packets = static_cast<int>(s.features) / width;
  const std::int64_t index = std::int64_t{blockIdx.x} * thin_threads + threadIdx.x;
  const bool active = index < s.period * packets;
  const std::int64_t place = index / packets;
  const int packet = static_cast<int>(index % packets), feature = packet * width;
  W w[thin_values][width], value_sum[thin_values][width] = {}, period_sum[width] = {};
  load_weight(s, c.weight, feature, active && c.out.data != nullptr, w);

  const ThinWalk walk(s, each, place);
  const int values = static_cast<int>(s.values), rows = active ? walk.rows : 0;
  const T* from = c.wide + walk.first_row * s.features + feature;
  std::int64_t at = walk.first_row * values;  // in the thin matrices
  for (int p = 0; p < walk.count; p += batch) {
    ThinPacket<T, width> loaded[batch] = {};
    W x[batch][thin_values];
#pragma unroll
    for (int b = 0; b < batch; ++b) {
      const bool valid = p + b < rows;
      if (valid) loaded[b] = *reinterpret_cast<const ThinPacket<T, width>*>(from);
      if constexpr (sums) {
        const bool with_thin = valid && c.thin != nullptr;
        load_thin(values, with_thin ? c.thin + at + b * s.period * values : nullptr, with_thin, x[b]);
      }
      from += s.period * s.features;
    }
#pragma unroll
    for (int b = 0; b < batch; ++b, at += s.period * values) {
      W g[width];
#pragma unroll
      for (int j = 0; j < width; ++j) g[j] = static_cast<W>(loaded[b].values[j]);
      if constexpr (sums) {
#pragma unroll
        for (int j = 0; j < width; ++j) {
          period_sum[j] += g[j];
#pragma unroll
          for (int v = 0; v < thin_values; ++v) value_sum[v][j] += x[b][v] * g[j];
        }
      }
      if (c.out.data == nullptr) continue;
#pragma unroll
      for (int v = 0; v < thin_values; ++v) {
        if (v >= values) break;
        W sum = 0;
#pragma unroll
        for (int j = 0; j < width; ++j) sum += g[j] * w[v][j];
        for (int step = packets / 2; step > 0; step /= 2) sum += __shfl_xor_sync(whole_warp, sum, step);
        if (packet == v % packets && p + b < rows) {
          if (c.bias != nullptr) sum += static_cast<W>(c.bias[v]);
          if (c.out.add) sum += static_cast<W>(c.out.data[at + v]);
          c.out.data[at + v] = static_cast<T>(sum);
        }
      }
    }
  }
  if constexpr (!sums) return;
  if (period_parts != nullptr && active) {
    W* part = period_parts + (blockIdx.y * s.period + place) * s.features + feature;
#pragma unroll
    for (int j = 0; j < width; ++j) part[j] = period_sum[j];
  }
  if (value_parts == nullptr) return;
  // Sums over the rows of a warp, then over the warps of the block.
  W* of_warps = dynamic_shared<W>();  // (warps, values, features)
  const int lane = static_cast<int>(threadIdx.x) % warp_size,
            warp = static_cast<int>(threadIdx.x) / warp_size;
  const int count = static_cast<int>(s.values * s.features);
#pragma unroll
  for (int v = 0; v < thin_values; ++v) {
    if (v >= s.values) break;
#pragma unroll
    for (int j = 0; j < width; ++j) {
      W sum = value_sum[v][j];
      for (int step = packets; step < warp_size; step *= 2) sum += __shfl_xor_sync(whole_warp, sum, step);
      if (lane < packets) of_warps[warp * count + v * s.features + feature + j] = sum;
    }
  }
  __syncthreads();
  W* part = value_parts + (std::int64_t{blockIdx.y} * gridDim.x + blockIdx.x) * count;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += thin_threads) {
    W sum = 0;
    for (int k = 0; k < thin_threads / warp_size; ++k) sum += of_warps[k * count + i];
    part[i] = sum;
  }
}

template <class W>
struct PutThin {
  ThinMatrix<W> to;
  bool add;
  std::int64_t features;
  __device__ void operator()(std::int64_t, std::int64_t column, const W (&total)[1]) const {
    GradTarget<W>{to.data, add}.put(to.index(column % features, column / features), total[0]);
  }
};

}  // namespace detail

/// Whether thin_contract supports these sizes and this memory.
template <class T>
bool thin_contract_fits(const ThinSizes& s, const T* wide) {
  constexpr std::int64_t width = detail::Packet<T>::count;
  const std::int64_t packets = s.features / width;
  return s.values >= 1 && s.values <= detail::thin_values && detail::in_packets<T>(s.features, wide) &&
         packets <= warp_size && std::has_single_bit(static_cast<std::uint64_t>(packets));
}

/// Computes all that `c` asks for, in one pass over its wide matrix. Requires thin_contract_fits.
template <class T>
void thin_contract(const char* op, const ThinSizes& s, const ThinContraction<T>& c) {
  using W = wide_t<T>;
  constexpr int width = detail::Packet<T>::count;
  const bool sums = c.thin != nullptr || c.period_sums != nullptr;
  // Few partial sums of whole periods, since they take memory.
  const detail::ThinParts grid(s, width, 1024, c.period_sums != nullptr ? 64 : 1024);
  const dim3 blocks(grid.blocks, grid.parts);
  if (!sums) {
    launch(op, detail::thin_contract_kernel<T, width, false>, blocks, detail::thin_threads, 0, s, grid.each,
           c, nullptr, nullptr);
    return;
  }
  const std::int64_t values = c.thin != nullptr ? s.values * s.features : 0,
                     parts = std::int64_t{grid.blocks} * grid.parts,
                     periods = c.period_sums != nullptr ? s.period * s.features : 0;
  const auto value_memory = allocate_bytes<Cuda>(static_cast<std::size_t>(parts * values) * sizeof(W));
  const auto period_memory = allocate_bytes<Cuda>(static_cast<std::size_t>(grid.parts * periods) * sizeof(W));
  W* value_parts = reinterpret_cast<W*>(value_memory.get());
  W* period_parts = reinterpret_cast<W*>(period_memory.get());
  const auto shared = static_cast<std::size_t>(detail::thin_threads / warp_size * values) * sizeof(W);
  launch(op, detail::thin_contract_kernel<T, width, true>, blocks, detail::thin_threads, shared, s, grid.each,
         c, value_parts, period_parts);
  if (values > 0) {
    grouped_column_sums<W, 1, 1>(op, 1, parts, values, detail::MatrixTerm<W, 1>{value_parts, values},
                                 detail::PutThin<W>{c.value_sums, c.add_value_sums, s.features});
  }
  if (periods > 0) column_sums_of<W>(op, grid.parts, periods, period_parts, {c.period_sums});
}

}  // namespace pixnerd
