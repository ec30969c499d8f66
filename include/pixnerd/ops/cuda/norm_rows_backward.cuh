// SPDX-License-Identifier: MIT
/// \file
/// The backward of norm_rows.cuh: one pass over x and grad_y that writes the gradient of x and computes
/// sums over rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <pixnerd/ops/cuda/norm_rows.cuh>

namespace pixnerd::detail {

/// The largest block that is one team. As a template argument: a team of the size of the block.
constexpr int block_team = 512;

/// Rows that a team loads at a time.
constexpr int norm_batch = 4;

/// Threads of a block of teams, and the number of teams.
template <int team>
constexpr int teams_of_block = team == block_team ? 1 : norm_threads / team;

/// The number of sums over rows: of grad_y times the normalized x, and with modulation also of grad_y.
template <bool modulated>
constexpr int norm_sums = modulated ? 2 : 1;

/// Adds registers over the teams of a warp and the warps of a block. The first team gets the result.
template <int team, int count, class W>
__device__ inline void add_over_teams(W (&values)[count]) {
  __shared__ W exchange[count][norm_threads / 2];
#pragma unroll
  for (int k = 0; k < count; ++k) {
#pragma unroll
    for (int step = team; step < warp_size; step *= 2)
      values[k] += __shfl_xor_sync(whole_warp, values[k], step);
  }
  const int thread = static_cast<int>(threadIdx.x);
  for (int half = norm_threads / 2; half >= warp_size; half /= 2) {
    __syncthreads();
    if (thread >= half && thread < 2 * half) {
#pragma unroll
      for (int k = 0; k < count; ++k) exchange[k][thread - half] = values[k];
    }
    __syncthreads();
    if (thread < half) {
#pragma unroll
      for (int k = 0; k < count; ++k) values[k] += exchange[k][thread];
    }
  }
}

/// Adds each of `count` values over a team; every thread gets the sums. A block that calls it in a loop
/// passes turn 0 and 1 alternately, so that one barrier per call suffices.
template <int team, int count, class W>
__device__ inline void add_over_members(W (&values)[count], int turn) {
  if constexpr (team <= warp_size) {
#pragma unroll
    for (int r = 0; r < count; ++r) values[r] = warp_sum<team>(values[r]);
  } else {
    __shared__ W partial[2][block_team / warp_size][count];
    const int warps = static_cast<int>(blockDim.x) / warp_size;
#pragma unroll
    for (int r = 0; r < count; ++r) {
      const W sum = warp_sum(values[r]);
      if (threadIdx.x % warp_size == 0) partial[turn][threadIdx.x / warp_size][r] = sum;
    }
    __syncthreads();
#pragma unroll
    for (int r = 0; r < count; ++r) values[r] = 0;
    for (int w = 0; w < warps; ++w) {
#pragma unroll
      for (int r = 0; r < count; ++r) values[r] += partial[turn][w][r];
    }
  }
}

/// Block b handles part b % split of the rows of image b / split. Each thread of a team handles one packet of
/// columns, whose sums stay in its registers.
template <class X, class T, int team, bool modulated>
__global__ void __launch_bounds__(team == block_team ? block_team : norm_threads)
    norm_backward_kernel(NormBackward<X, T> a, int split, wide_t<T>* partial) {
  using W = wide_t<T>;
  constexpr int packet = packet_width<T>, sums = norm_sums<modulated>, batch = norm_batch;
  constexpr int teams = teams_of_block<team>;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t image = blockIdx.x / split, part = blockIdx.x % split;
  const std::int64_t column = thread % team * packet;
  const bool owner = column < a.width;
  W factor[packet] = {}, sum[sums * packet] = {};
  if (owner) load_wide<packet>(a.weight + column, factor);
  if constexpr (modulated) {
    W scale[packet] = {};
    if (owner) load_wide<packet>(a.scale + image * a.width + column, scale);
#pragma unroll
    for (int j = 0; j < packet; ++j) factor[j] *= W(1) + scale[j];
  }
  const W share = W(1) / W(a.width);
  const std::int64_t first = image * a.length + a.length * part / split;
  const std::int64_t last = image * a.length + a.length * (part + 1) / split;
  int turn = 0;
  for (std::int64_t base = first; base < last; base += batch * teams, turn ^= 1) {
    const std::int64_t mine = base + thread / team;
    Vector<X, packet> x[batch];
    Vector<T, packet> g[batch];
    W inverse[batch], dot[batch];
#pragma unroll
    for (int r = 0; r < batch; ++r) {
      const std::int64_t row = mine + r * teams;
      x[r] = {};
      g[r] = {};
      inverse[r] = 0;
      if (row >= last || !owner) continue;
      x[r] = *reinterpret_cast<const Vector<X, packet>*>(a.x + row * a.width + column);
      g[r] = *reinterpret_cast<const Vector<T, packet>*>(a.grad_y + row * a.width + column);
      inverse[r] = a.inverse_rms[row];
    }
#pragma unroll
    for (int r = 0; r < batch; ++r) {
      dot[r] = 0;
#pragma unroll
      for (int j = 0; j < packet; ++j) {
        const W gj = static_cast<W>(g[r].values[j]), product = gj * static_cast<W>(x[r].values[j]);
        dot[r] += product * factor[j];
        sum[j] += product * inverse[r];
        if constexpr (modulated) sum[packet + j] += gj;
      }
    }
    if (!a.grad_x.data) continue;
    add_over_members<team>(dot, turn);
#pragma unroll
    for (int r = 0; r < batch; ++r) {
      const std::int64_t row = mine + r * teams;
      if (row >= last || !owner) continue;
      const W along = dot[r] * inverse[r] * inverse[r] * inverse[r] * share;
      W values[packet];
#pragma unroll
      for (int j = 0; j < packet; ++j)
        values[j] =
            static_cast<W>(g[r].values[j]) * factor[j] * inverse[r] - static_cast<W>(x[r].values[j]) * along;
      put_wide<packet>(a.grad_x, row * a.width + column, values);
    }
  }
  if (partial == nullptr) return;
  if constexpr (team <= warp_size) {
    add_over_teams<team>(sum);
    if (thread >= team) return;
  }
  if (!owner) return;
#pragma unroll
  for (int k = 0; k < sums; ++k) {
    W* to = partial + (std::int64_t{blockIdx.x} * sums + k) * a.width + column;
#pragma unroll
    for (int j = 0; j < packet; ++j) to[j] = sum[k * packet + j];
  }
}

/// Only the gradient of x, for any width, one row per block.
template <class X, class T, bool modulated>
__global__ void norm_backward_block_kernel(NormBackward<X, T> a) {
  using W = wide_t<T>;
  const std::int64_t row = blockIdx.x, image = row / a.length;
  const X* x = a.x + row * a.width;
  const T* g = a.grad_y + row * a.width;
  const W inverse = a.inverse_rms[row];
  const auto through = [&](std::int64_t j) {
    W factor = a.weight[j];
    if constexpr (modulated) factor *= W(1) + static_cast<W>(a.scale[image * a.width + j]);
    return static_cast<W>(g[j]) * factor;
  };
  W dot = 0;
  for (std::int64_t j = threadIdx.x; j < a.width; j += blockDim.x) dot += through(j) * static_cast<W>(x[j]);
  const W along = block_sum(dot) * inverse * inverse * inverse / W(a.width);
  for (std::int64_t j = threadIdx.x; j < a.width; j += blockDim.x) {
    W values[1] = {through(j) * inverse - static_cast<W>(x[j]) * along};
    put_wide<1>(a.grad_x, row * a.width + j, values);
  }
}

/// Only the sums, for any width.
template <class X, class T, bool modulated>
struct NormTerm {
  NormBackward<X, T> a;

  __device__ void operator()(std::int64_t row, std::int64_t column,
                             wide_t<T> (&sum)[norm_sums<modulated>][1]) const {
    using W = wide_t<T>;
    const std::int64_t at = row * a.width + column;
    const W g = static_cast<W>(a.grad_y[at]);
    sum[0][0] += g * static_cast<W>(a.x[at]) * a.inverse_rms[row];
    if constexpr (modulated) sum[1][0] += g;
  }
};

/// For rows that can be read in packets.
template <int team, bool modulated, class X, class T, class Put>
void norm_backward_in_packets(const char* op, const NormBackward<X, T>& a, bool sums_wanted, Put put,
                              int threads) {
  using W = wide_t<T>;
  constexpr int sums = norm_sums<modulated>, teams = teams_of_block<team>;
  // One wave of blocks on a large GPU, each with two batches of rows per team.
  const std::int64_t enough = team == block_team ? 40960 / threads : 512;
  const auto split = static_cast<int>(std::clamp<std::int64_t>(
      (enough + a.images - 1) / a.images, 1, std::max<std::int64_t>(1, a.length / (2 * norm_batch * teams))));
  const std::int64_t blocks = a.images * split;
  const auto storage =
      allocate_bytes<Cuda>(sums_wanted ? static_cast<std::size_t>(blocks * sums * a.width) * sizeof(W) : 0);
  W* partial = reinterpret_cast<W*>(storage.get());
  launch(op, norm_backward_kernel<X, T, team, modulated>, blocks_for(blocks, 1),
         static_cast<unsigned>(threads), 0, a, split, partial);
  if (sums_wanted)
    grouped_column_sums<W, sums, 1>(op, a.images, split, a.width, PartialSums<W, sums>{partial, a.width},
                                    put);
}

/// Writes or adds a.grad_x and, if sums are wanted, calls put(image, column, total) on the device with the
/// sums over the rows of each image.
template <bool modulated, class X, class T, class Put>
void norm_backward(const char* op, const NormBackward<X, T>& a, bool sums_wanted, Put put) {
  using W = wide_t<T>;
  if (!a.grad_x && !sums_wanted) return;
  const std::int64_t packets = (a.width + packet_width<T> - 1) / packet_width<T>;
  if (a.rows() > 0 && a.width > 0 && packets <= block_team &&
      rows_fit<packet_width<T>>(a.width, a.x, a.weight, a.scale, a.grad_y, a.grad_x.data)) {
    const auto call = [&]<int team>(std::integral_constant<int, team>) {
      const std::int64_t warps =
          team == block_team ? (packets + warp_size - 1) / warp_size : norm_threads / warp_size;
      norm_backward_in_packets<team, modulated>(op, a, sums_wanted, put, static_cast<int>(warps * warp_size));
    };
    if (packets <= 8) {
      call(std::integral_constant<int, 8>{});
    } else if (packets <= 16) {
      call(std::integral_constant<int, 16>{});
    } else if (packets <= 32) {
      call(std::integral_constant<int, 32>{});
    } else {
      call(std::integral_constant<int, block_team>{});
    }
    return;
  }
  if (a.grad_x) {
    launch(op, norm_backward_block_kernel<X, T, modulated>, blocks_for(a.rows(), 1), threads_for_row(a.width),
           0, a);
  }
  if (sums_wanted) {
    grouped_column_sums<W, norm_sums<modulated>, 1>(op, a.images, a.length, a.width,
                                                    NormTerm<X, T, modulated>{a}, put);
  }
}

}  // namespace pixnerd::detail
