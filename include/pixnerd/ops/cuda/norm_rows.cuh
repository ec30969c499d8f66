// SPDX-License-Identifier: MIT
/// \file
/// Root mean square normalization of rows on the GPU, with and without shift and scale: the kernels of
/// rms_norm and norm_modulate.
///
/// Forward: a team of 8, 16 or 32 threads holds a row in registers, 16 bytes per thread and access, so a row
/// is read once and written once. Wider rows, and rows that are not a multiple of 16 bytes, are handled by
/// one block each, which reads them twice.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/image_rows.cuh>
#include <pixnerd/ops/cuda/reduce.cuh>
#include <pixnerd/ops/modulate.hpp>
#include <pixnerd/ops/rms_norm.hpp>

namespace pixnerd::detail {

constexpr int norm_threads = 128;

/// Rows (images, length, width) of X, and how they are normalized. Without modulation, shift and scale are
/// null.
template <class X, class T>
struct NormRows {
  std::int64_t images, length, width;
  const X* x;
  const wide_t<T>* weight;
  const T *shift, *scale;

  std::int64_t rows() const { return images * length; }
};

template <class X, class T>
struct NormForward : NormRows<X, T> {
  wide_t<T> epsilon;
  bool round_first;
  T* y;
  wide_t<T>* inverse_rms;
};

template <class X, class T>
struct NormBackward : NormRows<X, T> {
  const wide_t<T>* inverse_rms;
  const T* grad_y;
  GradTarget<X> grad_x;
};

template <class T>
__device__ inline wide_t<T> round_to(wide_t<T> value) {
  return static_cast<wide_t<T>>(static_cast<T>(value));
}

/// Writes some elements of y. The only place that decides where a 16-bit result is rounded.
template <bool modulated, class X, class T, int packet>
__device__ inline void put_normalized(const NormForward<X, T>& a, std::int64_t row, std::int64_t column,
                                      wide_t<T> inverse, wide_t<T> (&values)[packet]) {
  using W = wide_t<T>;
  W w[packet];
  load_wide<packet>(a.weight + column, w);
#pragma unroll
  for (int j = 0; j < packet; ++j) {
    values[j] *= inverse;
    if (a.round_first) {
      values[j] = round_to<T>(values[j]) * w[j];
    } else {
      values[j] *= w[j];
      if (modulated) values[j] = round_to<T>(values[j]);
    }
  }
  if constexpr (modulated) {
    const std::int64_t at = row / a.length * a.width + column;
    W scale[packet], shift[packet];
    load_wide<packet>(a.scale + at, scale);
    load_wide<packet>(a.shift + at, shift);
#pragma unroll
    for (int j = 0; j < packet; ++j) values[j] = ModulateFormula::value(values[j], shift[j], scale[j]);
  }
  put_wide<packet>(GradTarget<T>{a.y}, row * a.width + column, values);
}

/// Each team handles `turns` rows.
template <class X, class T, int team, int packets, bool modulated>
__global__ void __launch_bounds__(norm_threads)
    norm_forward_kernel(std::int64_t rows, int turns, NormForward<X, T> a) {
  using W = wide_t<T>;
  constexpr int packet = packet_width<T>, teams = norm_threads / team;
  const int member = static_cast<int>(threadIdx.x) % team;
  for (int turn = 0; turn < turns; ++turn) {
    const std::int64_t first = (std::int64_t{blockIdx.x} * turns + turn) * teams;
    if (first >= rows) return;
    const std::int64_t row = first + threadIdx.x / team;
    Vector<X, packet> x[packets];
    W squares = 0;
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      const int column = (i * team + member) * packet;
      x[i] = {};
      if (row < rows && column < a.width)
        x[i] = *reinterpret_cast<const Vector<X, packet>*>(a.x + row * a.width + column);
    }
#pragma unroll
    for (int i = 0; i < packets; ++i) {
#pragma unroll
      for (int j = 0; j < packet; ++j) {
        const W value = static_cast<W>(x[i].values[j]);
        squares += value * value;
      }
    }
    const W inverse = W(1) / std::sqrt(warp_sum<team>(squares) / W(a.width) + a.epsilon);
    if (row < rows && member == 0) a.inverse_rms[row] = inverse;
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      const int column = (i * team + member) * packet;
      if (row >= rows || column >= a.width) continue;
      W values[packet];
#pragma unroll
      for (int j = 0; j < packet; ++j) values[j] = static_cast<W>(x[i].values[j]);
      put_normalized<modulated>(a, row, column, inverse, values);
    }
  }
}

/// Any width, one row per block.
template <class X, class T, bool modulated>
__global__ void norm_forward_block_kernel(NormForward<X, T> a) {
  using W = wide_t<T>;
  const std::int64_t row = blockIdx.x;
  const X* x = a.x + row * a.width;
  W squares = 0;
  for (std::int64_t j = threadIdx.x; j < a.width; j += blockDim.x)
    squares += static_cast<W>(x[j]) * static_cast<W>(x[j]);
  const W inverse = W(1) / std::sqrt(block_sum(squares) / W(a.width) + a.epsilon);
  if (threadIdx.x == 0) a.inverse_rms[row] = inverse;
  for (std::int64_t j = threadIdx.x; j < a.width; j += blockDim.x) {
    W values[1] = {static_cast<W>(x[j])};
    put_normalized<modulated>(a, row, j, inverse, values);
  }
}

/// The number of threads that hold a row, and of packets per thread.
template <int team_, int packets_>
struct NormLayout {
  static constexpr int team = team_, packets = packets_;
};

/// Calls launch_with(NormLayout) with the smallest layout that holds rows of `width` elements; false if none
/// does. There are more layouts for bfloat16, whose speed matters most, and few for float64, which is for
/// gradient checks.
template <class T, class Launch>
bool with_row_layout(std::int64_t width, Launch launch_with) {
  const std::int64_t packets = (width + packet_width<T> - 1) / packet_width<T>;
  constexpr bool narrow = std::same_as<T, bfloat16>, any = !std::same_as<T, double>;
  const auto fits = [&]<bool enabled, class Layout>(Layout layout) {
    if constexpr (enabled) {
      if (packets > Layout::team * Layout::packets) return false;
      launch_with(layout);
      return true;
    } else {
      return false;
    }
  };
  return fits.template operator()<any>(NormLayout<8, 1>{}) ||
         fits.template operator()<any>(NormLayout<16, 1>{}) ||
         fits.template operator()<true>(NormLayout<32, 1>{}) ||
         fits.template operator()<any>(NormLayout<32, 2>{}) ||
         fits.template operator()<narrow>(NormLayout<32, 3>{}) ||
         fits.template operator()<true>(NormLayout<32, 4>{}) ||
         fits.template operator()<narrow>(NormLayout<32, 5>{}) ||
         fits.template operator()<any>(NormLayout<32, 6>{}) ||
         fits.template operator()<any>(NormLayout<32, 8>{}) ||
         fits.template operator() < any && !narrow > (NormLayout<32, 10>{}) ||
         fits.template operator() < any && !narrow > (NormLayout<32, 16>{});
}

/// Threads of a block that handles a single row.
inline unsigned threads_for_row(std::int64_t width) {
  return width <= 128 ? 32 : 256;
}

template <bool modulated, class X, class T>
void norm_forward(const char* op, const NormForward<X, T>& a) {
  const std::int64_t rows = a.rows();
  if (rows == 0) return;
  const bool packed = rows_fit<packet_width<T>>(a.width, a.x, a.weight, a.shift, a.scale, a.y) && a.width > 0;
  const auto with_layout = [&]<class Layout>(Layout) {
    constexpr int teams = norm_threads / Layout::team;
    // A team that handles up to four rows reads weight, shift and scale from the nearest cache for all but
    // the first.
    const auto turns = static_cast<int>(std::clamp<std::int64_t>(rows / (teams * 512), 1, 4));
    launch(op, norm_forward_kernel<X, T, Layout::team, Layout::packets, modulated>,
           blocks_for(rows, teams * turns), norm_threads, 0, rows, turns, a);
  };
  if (packed && with_row_layout<T>(a.width, with_layout)) return;
  launch(op, norm_forward_block_kernel<X, T, modulated>, blocks_for(rows, 1), threads_for_row(a.width), 0, a);
}

}  // namespace pixnerd::detail
