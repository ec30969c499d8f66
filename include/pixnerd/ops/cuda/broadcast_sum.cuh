// SPDX-License-Identifier: MIT
/// \file
/// Sums over some axes of a tensor on the GPU: gradients of broadcast operands, and reductions. Every sum has
/// an order that depends on sizes alone: within a thread, over the threads of a block, over the blocks in a
/// second kernel.
#pragma once

#include <algorithm>

#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/broadcast.cuh>

namespace pixnerd {

namespace detail {

inline constexpr int sum_threads = 256;

/// Blocks per multiprocessor for which a kernel leaves registers; sums in float64 need more of them.
template <class A>
inline constexpr int sum_blocks = sizeof(A) == 8 ? 3 : 4;

/// Sums over threadIdx.y in a block of at most 256 threads, blockDim.y a power of two. Every thread gets
/// them; all threads must call it.
template <int width, class A>
__device__ inline void sum_along_y(A (&sums)[width]) {
  __shared__ A partial[width * sum_threads];
  const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
  __syncthreads();  // results of an earlier call may still be in use
#pragma unroll
  for (int j = 0; j < width; ++j) partial[j * sum_threads + thread] = sums[j];
  for (unsigned step = blockDim.y / 2; step > 0; step /= 2) {
    __syncthreads();
    if (threadIdx.y < step) {
#pragma unroll
      for (int j = 0; j < width; ++j) {
        partial[j * sum_threads + thread] += partial[j * sum_threads + thread + step * blockDim.x];
      }
    }
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < width; ++j) sums[j] = partial[j * sum_threads + threadIdx.x];
}

/// The sum over threadIdx.x in a block of 32 x n or of 32 n x 1 threads; every thread gets it. All threads
/// must call it.
template <class A>
__device__ inline A sum_along_x(A value) {
  return blockDim.x == warp_size ? warp_sum(value) : block_sum(value);
}

/// The destination of sums: the result or, if several blocks share one sum, (chunks, count) partial sums.
template <class A, class T>
struct SumOutput {
  A* partial = nullptr;
  std::int64_t count = 0;
  GradTarget<T> result;
  A factor = 1;

  template <int width>
  __device__ void put(std::int64_t i, std::int64_t chunk, const A (&sums)[width]) const {
    if (partial != nullptr) {
#pragma unroll
      for (int j = 0; j < width; ++j) partial[chunk * count + i + j] = sums[j];
    } else {
      wide_t<T> values[width];
#pragma unroll
      for (int j = 0; j < width; ++j) values[j] = static_cast<wide_t<T>>(factor * sums[j]);
      put_wide<width>(result, i, values);
    }
  }
};

/// The arguments of the kernels, which sum formula(g, a, b) over the loops `reduced` for each element of a,
/// that is, each iteration of the loops `kept`. The innermost loop, of `inner` elements, is in neither. The
/// first strides are g's, the second b's.
template <class I>
struct SumInput {
  CudaLoops kept, reduced;
  std::int64_t rows = 0, inner = 0, step_b = 0;
  std::int64_t chunks = 1, chunk = 0;  // of rows, or of units of a row sum, per block
  const I* g = nullptr;
  const I* a = nullptr;
  const I* b = nullptr;
};

/// The innermost loop is kept. Threads of a warp handle neighboring columns, those along y every
/// blockDim.y-th row.
template <int width, class A, class I, class T, class Formula>
__global__ void __launch_bounds__(sum_threads, sum_blocks<A>)
    column_sums_kernel(SumInput<I> in, std::int64_t tiles, SumOutput<A, T> out, Formula formula) {
  const auto [rest, tile] = divide(blockIdx.x, tiles);
  const auto [outer, chunk] = divide(rest, in.chunks);
  const std::int64_t column = (tile * blockDim.x + threadIdx.x) * width, i = outer * in.inner + column;
  const bool inside = column < in.inner;
  A sums[width] = {};
  if (inside) {
    wide_t<I> as[width] = {};
    if constexpr (Formula::reads_operands) load_wide<width>(in.a + i, as);
    const auto at = in.kept.at(outer);
    const std::int64_t begin = chunk * in.chunk;
    const std::int64_t end = begin + in.chunk < in.rows ? begin + in.chunk : in.rows;
#pragma unroll 4
    for (std::int64_t row = begin + threadIdx.y; row < end; row += blockDim.y) {
      const auto more = in.reduced.at(row);
      wide_t<I> gs[width], bs[width] = {};
      load_wide<width>(in.g + at.first + more.first + column, gs);
      if constexpr (Formula::reads_operands) {
        load_wide<width>(in.b + at.second + more.second, in.step_b, column, bs);
      }
#pragma unroll
      for (int j = 0; j < width; ++j) sums[j] += static_cast<A>(formula(gs[j], as[j], bs[j]));
    }
  }
  if (blockDim.y > 1) sum_along_y(sums);
  if (inside && threadIdx.y == 0) out.put(i, chunk, sums);
}

/// The innermost loop is summed. Threads along x handle neighboring pieces of one sum, those along y
/// different sums.
template <int width, class A, class I, class T, class Formula>
__global__ void __launch_bounds__(sum_threads, sum_blocks<A>)
    row_sums_kernel(SumInput<I> in, std::int64_t count, SumOutput<A, T> out, Formula formula) {
  const auto [group, chunk] = divide(blockIdx.x, in.chunks);
  const std::int64_t i = group * blockDim.y + threadIdx.y, units = in.inner / width;
  const bool inside = i < count;
  A sums[width] = {};
  if (inside) {
    wide_t<I> a = 0;
    if constexpr (Formula::reads_operands) a = static_cast<wide_t<I>>(in.a[i]);
    const auto at = in.kept.at(i);
    const std::int64_t all = in.rows * units, begin = chunk * in.chunk;
    const std::int64_t end = begin + in.chunk < all ? begin + in.chunk : all;
#pragma unroll 4
    for (std::int64_t index = begin + threadIdx.x; index < end; index += blockDim.x) {
      const auto [row, unit] = in.rows == 1 ? Division{0, index} : divide(index, units);
      const auto more = in.reduced.at(row);
      wide_t<I> gs[width], bs[width] = {};
      load_wide<width>(in.g + at.first + more.first + unit * width, gs);
      if constexpr (Formula::reads_operands) {
        load_wide<width>(in.b + at.second + more.second, in.step_b, unit * width, bs);
      }
#pragma unroll
      for (int j = 0; j < width; ++j) sums[j] += static_cast<A>(formula(gs[j], a, bs[j]));
    }
  }
#pragma unroll
  for (int step = width / 2; step > 0; step /= 2) {
#pragma unroll
    for (int j = 0; j < step; ++j) sums[j] += sums[j + step];
  }
  const A total[1] = {sum_along_x(sums[0])};
  if (inside && threadIdx.x == 0) out.put(i, chunk, total);
}

/// The terms are given.
struct PlainSum {
  static constexpr bool reads_operands = false;
  template <class W>
  __device__ W operator()(W g, W, W) const {
    return g;
  }
};

/// The terms are partial sums.
struct SumOfPartials : PlainSum {};

/// Enough blocks for the largest GPUs, whatever GPU this is, so that sums do not depend on it.
inline constexpr std::int64_t wanted_blocks = 1024;

/// The number of blocks that share one sum, if one block per sum makes `blocks`, and more than `pieces` per
/// sum would not pay off.
inline std::int64_t sum_chunks(std::int64_t blocks, std::int64_t pieces, std::int64_t most) {
  return std::clamp<std::int64_t>(std::min((wanted_blocks + blocks - 1) / blocks, pieces), 1, most);
}

template <int width, class A, class I, class T, class Formula>
void launch_column_sums(const char* op, SumInput<I> in, std::int64_t count, SumOutput<A, T> out,
                        Formula formula);

/// Calls `launch_with(output)` for partial sums, then adds them.
template <class A, class T, class Launch>
void sum_in_two_stages(const char* op, std::int64_t count, std::int64_t chunks, SumOutput<A, T> out,
                       Launch launch_with) {
  if (chunks == 1) return launch_with(out);
  const Tensor<A, Cuda> partial({chunks, count});
  launch_with(SumOutput<A, T>{partial.data(), count, {}, 1});
  SumInput<A> second;  // a loop over chunks around a loop over sums
  second.reduced.append(chunks, count, 0);
  second.rows = chunks;
  second.inner = count;
  second.g = partial.data();
  launch_column_sums<1>(op, second, count, out, SumOfPartials{});
}

template <int width, class A, class I, class T, class Formula>
void launch_column_sums(const char* op, SumInput<I> in, std::int64_t count, SumOutput<A, T> out,
                        Formula formula) {
  const std::int64_t units = in.inner / width;
  const int x = std::min(warp_size, power_of_two(units));
  const int y = std::min(sum_threads / x, power_of_two(in.rows));
  const std::int64_t tiles = (units + x - 1) / x, blocks = count / in.inner * tiles;
  // Partial sums of partial sums would not pay off.
  in.chunks = std::same_as<Formula, SumOfPartials> ? 1 : sum_chunks(blocks, in.rows / (4 * y), 128);
  in.chunk = (in.rows + in.chunks - 1) / in.chunks;
  sum_in_two_stages(op, count, in.chunks, out, [&](const SumOutput<A, T>& to) {
    launch(op, column_sums_kernel<width, A, I, T, Formula>, blocks_for(blocks * in.chunks, 1), dim3(x, y), 0,
           in, tiles, to, formula);
  });
}

template <int width, class A, class I, class T, class Formula>
void launch_row_sums(const char* op, SumInput<I> in, std::int64_t count, SumOutput<A, T> out,
                     Formula formula) {
  const std::int64_t all = in.rows * in.inner / width;
  const int x = all <= 16 * warp_size ? warp_size : sum_threads, y = sum_threads / x;
  const std::int64_t blocks = (count + y - 1) / y;
  in.chunks = y > 1 ? 1 : sum_chunks(blocks, all / (4 * x), 512);
  in.chunk = (all + in.chunks - 1) / in.chunks;
  sum_in_two_stages(op, count, in.chunks, out, [&](const SumOutput<A, T>& to) {
    launch(op, row_sums_kernel<width, A, I, T, Formula>, blocks_for(blocks * in.chunks, 1), dim3(x, y), 0, in,
           count, to, formula);
  });
}

}  // namespace detail

/// For each of the count_a elements of a: factor times the sum of formula(g[i], a, b[ib]) over the elements i
/// of the broadcast result that use this element of a, summed in type A, written or added to `result`. a and
/// b are read only if Formula::reads_operands. 16 bytes per access where the innermost loop and the addresses
/// allow it; if there are few long sums, several blocks share each.
template <class A, class T, class Formula>
void cuda_broadcast_sum(const char* op, const BroadcastLoops& loops, std::int64_t count_a, const T* g,
                        const T* a, const T* b, GradTarget<T> result, double factor, Formula formula) {
  if (count_a == 0) return;
  const int innermost = loops.rank - 1;
  detail::SumInput<T> in;
  in.g = g;
  in.a = a;
  in.b = b;
  std::int64_t strides[Shape::max_rank];  // of g
  std::int64_t step = 1;
  for (int axis = innermost; axis >= 0; --axis) {
    strides[axis] = step;
    step *= loops.size[static_cast<std::size_t>(axis)];
  }
  for (int axis = 0; axis < innermost; ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    (loops.stride_a[at] == 0 ? in.reduced : in.kept)
        .append(loops.size[at], strides[axis], loops.stride_b[at]);
  }
  const auto last = static_cast<std::size_t>(innermost);
  in.rows = in.reduced.count();
  in.inner = loops.size[last];
  in.step_b = loops.stride_b[last];

  constexpr int packet = packet_width<T>;
  const bool columns = loops.stride_a[last] != 0;
  const bool packets = in.inner % packet == 0 && in.inner > 0 &&
                       detail::fit_packets(g, Formula::reads_operands && in.step_b != 0 ? b : g,
                                           Formula::reads_operands && columns ? a : g,
                                           columns ? static_cast<const T*>(result.data) : g);
  const detail::SumOutput<A, T> out{nullptr, count_a, result, static_cast<A>(factor)};
  if (columns) {
    if (packets) {
      detail::launch_column_sums<packet>(op, in, count_a, out, formula);
    } else {
      detail::launch_column_sums<1>(op, in, count_a, out, formula);
    }
  } else if (packets) {
    detail::launch_row_sums<packet>(op, in, count_a, out, formula);
  } else {
    detail::launch_row_sums<1>(op, in, count_a, out, formula);
  }
}

}  // namespace pixnerd
