// SPDX-License-Identifier: MIT
/// \file
/// Sums over the rows of matrices and over all elements on the GPU, in an order that depends on sizes alone.
///
/// Blocks of threads sum pieces of the work into a buffer of partial sums, and a second launch adds these in
/// order; a single launch suffices if the work is small or has many columns. No atomics, so two runs give the
/// same bits.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/elementwise.cuh>

namespace pixnerd {

namespace detail {

constexpr int reduce_threads = 256;

/// The threads of a block form 2^x_bits columns of threads, each with `packet` neighboring columns of the
/// matrix; those of one column of threads share its rows.
template <class W, int sums, int packet, class Term, class Put>
__global__ void __launch_bounds__(reduce_threads, 4)
    grouped_column_sums_kernel(std::int64_t rows, std::int64_t width, unsigned tiles, int split, int x_bits,
                               Term term, Put put) {
  __shared__ W shared[sums * packet][reduce_threads];
  const int thread = static_cast<int>(threadIdx.x);
  const int y = thread >> x_bits, rows_of_threads = reduce_threads >> x_bits;
  const std::int64_t out_row = blockIdx.x / tiles, group = out_row / split, part = out_row % split;
  const std::int64_t column =
      ((std::int64_t{blockIdx.x % tiles} << x_bits) + (thread & ((1 << x_bits) - 1))) * packet;
  W sum[sums][packet] = {};
  if (column < width) {
    const std::int64_t end = rows * (part + 1) / split;
#pragma unroll 4
    for (std::int64_t row = rows * part / split + y; row < end; row += rows_of_threads)
      term(group * rows + row, column, sum);
  }
#pragma unroll
  for (int k = 0; k < sums; ++k) {
#pragma unroll
    for (int j = 0; j < packet; ++j) shared[k * packet + j][thread] = sum[k][j];
  }
  for (int half = rows_of_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (y >= half) continue;
#pragma unroll
    for (int k = 0; k < sums * packet; ++k) shared[k][thread] += shared[k][thread + (half << x_bits)];
  }
  if (y > 0 || column >= width) return;
  for (int j = 0; j < packet; ++j) {
    W total[sums];
#pragma unroll
    for (int k = 0; k < sums; ++k) total[k] = shared[k * packet + j][thread];
    put(out_row, column + j, total);
  }
}

/// Partial sums (rows, sums, width) as terms, and the destination of their totals.
template <class W, int sums>
struct PartialSums {
  W* data;
  std::int64_t width;

  __device__ void operator()(std::int64_t row, std::int64_t column, W (&sum)[sums][1]) const {
    for (int k = 0; k < sums; ++k) sum[k][0] += data[(row * sums + k) * width + column];
  }
  __device__ void operator()(std::int64_t row, std::int64_t column, const W (&total)[sums]) const {
    for (int k = 0; k < sums; ++k) data[(row * sums + k) * width + column] = total[k];
  }
};

}  // namespace detail

/// For each of `groups` stacked matrices (rows, width): `sums` sums over the rows of each column, in W.
/// term(row, column, sum) adds the contribution of columns [column, column + packet) of a row, counted over
/// all groups, to W (&sum)[sums][packet], and may do more, such as write an elementwise result, since it is
/// called exactly once for each packet. `packet` must divide `width`. put(group, column, total) gets the
/// totals of one column, const W (&total)[sums]. Both are device functors.
template <class W, int sums, int packet, class Term, class Put>
void grouped_column_sums(const char* op, std::int64_t groups, std::int64_t rows, std::int64_t width,
                         Term term, Put put) {
  if (groups == 0 || width == 0) return;
  // Neighboring threads read 128 bytes, 16 each, or 32 elements; fewer if the matrix is narrower.
  constexpr int widest = packet > 1 ? 3 : 5;
  int x_bits = 0;
  while (x_bits < widest && (packet << x_bits) < width) ++x_bits;
  const std::int64_t tile = std::int64_t{packet} << x_bits, tiles = (width + tile - 1) / tile;
  // Rows are split among blocks until there are about 500 of them, each thread keeping 8 rows.
  const std::int64_t block_rows = std::int64_t{detail::reduce_threads} * 8 >> x_bits;
  const std::int64_t split = std::max<std::int64_t>(
      1, std::min((rows + block_rows - 1) / block_rows, (512 + groups * tiles - 1) / (groups * tiles)));
  const unsigned blocks = blocks_for(groups * split * tiles, 1);
  if (split == 1) {
    launch(op, detail::grouped_column_sums_kernel<W, sums, packet, Term, Put>, blocks, detail::reduce_threads,
           0, rows, width, static_cast<unsigned>(tiles), 1, x_bits, term, put);
    return;
  }
  const auto storage =
      allocate_bytes<Cuda>(static_cast<std::size_t>(groups * split * sums * width) * sizeof(W));
  const detail::PartialSums<W, sums> partial{reinterpret_cast<W*>(storage.get()), width};
  launch(op, detail::grouped_column_sums_kernel<W, sums, packet, Term, detail::PartialSums<W, sums>>, blocks,
         detail::reduce_threads, 0, rows, width, static_cast<unsigned>(tiles), static_cast<int>(split),
         x_bits, term, partial);
  // At most 512 rows per column are left: one launch suffices.
  x_bits = 0;
  while (x_bits < 5 && (1 << x_bits) < width) ++x_bits;
  const std::int64_t columns = std::int64_t{1} << x_bits, left = (width + columns - 1) / columns;
  launch(op, detail::grouped_column_sums_kernel<W, sums, 1, detail::PartialSums<W, sums>, Put>,
         blocks_for(groups * left, 1), detail::reduce_threads, 0, split, width, static_cast<unsigned>(left),
         1, x_bits, partial, put);
}

namespace detail {

template <class W, class Term>
struct SingleTerm {
  Term term;
  __device__ void operator()(std::int64_t row, std::int64_t column, W (&sum)[1][1]) const {
    sum[0][0] += term(row, column);
  }
};

template <class T, int packet>
struct MatrixTerm {
  const T* x;
  std::int64_t width;
  __device__ void operator()(std::int64_t row, std::int64_t column, wide_t<T> (&sum)[1][packet]) const {
    if constexpr (packet == 1) {
      sum[0][0] += static_cast<wide_t<T>>(x[row * width + column]);
    } else {
      const auto values = *reinterpret_cast<const Packet<T>*>(x + row * width + column);
#pragma unroll
      for (int j = 0; j < packet; ++j) sum[0][j] += static_cast<wide_t<T>>(values.values[j]);
    }
  }
};

/// Puts sums into a gradient (groups, width), rounded to its type.
template <class W, class G>
struct PutGradient {
  GradTarget<G> to;
  std::int64_t width;
  __device__ void operator()(std::int64_t group, std::int64_t column, const W (&total)[1]) const {
    to.put(group * width + column, static_cast<G>(total[0]));
  }
};

/// Whether rows of `width` elements can be read 16 bytes at a time from all of these.
template <class T, class... Pointer>
bool in_packets(std::int64_t width, const Pointer*... pointers) {
  return width % Packet<T>::count == 0 && ((reinterpret_cast<std::uintptr_t>(pointers) | ... | 0u) % 16 == 0);
}

}  // namespace detail

/// target[j] is set to, or increased by, the sum over `rows` of term(row, j), for j in [0, width). term is a
/// device functor that returns W.
template <class T, class Term>
void column_sums(const char* op, std::int64_t rows, std::int64_t width, Term term,
                 GradTarget<wide_t<T>> target) {
  using W = wide_t<T>;
  grouped_column_sums<W, 1, 1>(op, 1, rows, width, detail::SingleTerm<W, Term>{term},
                               detail::PutGradient<W, W>{target, width});
}

/// target[j] is set to, or increased by, the sum of column j of x (rows, width).
template <class T>
void column_sums_of(const char* op, std::int64_t rows, std::int64_t width, const T* x,
                    GradTarget<wide_t<T>> target) {
  using W = wide_t<T>;
  constexpr int packet = detail::Packet<T>::count;
  const detail::PutGradient<W, W> put{target, width};
  if (detail::in_packets<T>(width, x)) {
    grouped_column_sums<W, 1, packet>(op, 1, rows, width, detail::MatrixTerm<T, packet>{x, width}, put);
  } else {
    grouped_column_sums<W, 1, 1>(op, 1, rows, width, detail::MatrixTerm<T, 1>{x, width}, put);
  }
}

namespace detail {

/// Each block sums a stretch of the terms.
template <class Term, class Put>
__global__ void __launch_bounds__(reduce_threads) total_sum_kernel(std::int64_t count, Term term, Put put) {
  const std::int64_t parts = gridDim.x, part = blockIdx.x;
  const std::int64_t per_part = (count + parts - 1) / parts, begin = part * per_part;
  const std::int64_t end = begin + per_part < count ? begin + per_part : count;
  double sum = 0;
#pragma unroll 4
  for (std::int64_t i = begin + threadIdx.x; i < end; i += reduce_threads) sum += term(i);
  sum = block_sum(sum);
  if (threadIdx.x == 0) put(part, sum);
}

struct PartialTotals {
  double* data;
  __device__ double operator()(std::int64_t i) const { return data[i]; }
  __device__ void operator()(std::int64_t i, double sum) const { data[i] = sum; }
};

template <class Put>
struct PutTotal {
  Put put;
  __device__ void operator()(std::int64_t, double sum) const { put(sum); }
};

}  // namespace detail

/// Calls put(total) with the sum, in float64, of term(i) for i in [0, count). Both are device functors; put
/// runs on one thread.
template <class Term, class Put>
void total_sum(const char* op, std::int64_t count, Term term, Put put) {
  const std::int64_t blocks =
      std::min<std::int64_t>(1024, (count + detail::reduce_threads * 8 - 1) / (detail::reduce_threads * 8));
  const detail::PutTotal<Put> put_total{put};
  if (blocks <= 1) {
    launch(op, detail::total_sum_kernel<Term, detail::PutTotal<Put>>, 1, detail::reduce_threads, 0, count,
           term, put_total);
    return;
  }
  const auto storage = allocate_bytes<Cuda>(static_cast<std::size_t>(blocks) * sizeof(double));
  const detail::PartialTotals partial{reinterpret_cast<double*>(storage.get())};
  launch(op, detail::total_sum_kernel<Term, detail::PartialTotals>, static_cast<unsigned>(blocks),
         detail::reduce_threads, 0, count, term, partial);
  launch(op, detail::total_sum_kernel<detail::PartialTotals, detail::PutTotal<Put>>, 1,
         detail::reduce_threads, 0, blocks, partial, put_total);
}

}  // namespace pixnerd
