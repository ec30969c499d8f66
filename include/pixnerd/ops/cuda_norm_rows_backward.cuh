/// \file
/// The backward of cuda_norm_rows.cuh: one pass over x and grad_y that writes the gradient of x and leaves sums.
#pragma once

#include <algorithm>
#include <cstdint>

#include <pixnerd/ops/cuda_norm_rows.cuh>

namespace pixnerd::detail {

/// Sums over rows: of grad_y times the normalized x and, with modulation, of grad_y before it.
template <bool modulated>
constexpr int norm_sums = modulated ? 2 : 1;

/// A packet in registers, widened.
template <class T>
struct alignas(16) WidePacket {
  wide_t<T> values[Packet<T>::count];
};

/// Adds registers of the warps of a block, and of the teams of a warp; warp 0 has the result. `exchange` has room for half of
/// the warps' registers.
template <int team, int count, class W>
__device__ inline void add_over_teams(W (&values)[count], W* exchange) {
#pragma unroll
  for (int k = 0; k < count; ++k) {
#pragma unroll
    for (int step = team; step < warp_size; step *= 2)
      values[k] += __shfl_xor_sync(whole_warp, values[k], step);
  }
  const int lane = static_cast<int>(threadIdx.x) % warp_size,
            warp = static_cast<int>(threadIdx.x) / warp_size;
#pragma unroll
  for (int half = norm_threads / warp_size / 2; half > 0; half /= 2) {
    __syncthreads();
    if (warp >= half && warp < 2 * half) {
#pragma unroll
      for (int k = 0; k < count; ++k) exchange[((warp - half) * count + k) * warp_size + lane] = values[k];
    }
    __syncthreads();
    if (warp < half) {
#pragma unroll
      for (int k = 0; k < count; ++k) values[k] += exchange[(warp * count + k) * warp_size + lane];
    }
  }
}

/// Block b handles part b % split of the rows of image b / split. Dynamic shared memory: the factors weight (1 + scale) of
/// its image, then what add_over_teams() needs in the same place.
template <class T, int team, int packets, bool modulated>
__global__ void __launch_bounds__(norm_threads)
    norm_backward_kernel(NormBackward<T> a, int split, wide_t<T>* partial) {
  using W = wide_t<T>;
  constexpr int packet = Packet<T>::count, teams = norm_threads / team, sums = norm_sums<modulated>;
  // What does not fit into registers beside the sums is read again.
  constexpr bool keep = packets * packet * sizeof(T) <= 192;
  W* factors = dynamic_shared<W>();
  const int member = static_cast<int>(threadIdx.x) % team;
  const std::int64_t image = blockIdx.x / split, part = blockIdx.x % split;
  for (int j = static_cast<int>(threadIdx.x); j < a.width; j += norm_threads) {
    factors[j] = static_cast<W>(a.weight[j]);
    if constexpr (modulated) factors[j] *= W(1) + static_cast<W>(a.scale[image * a.width + j]);
  }
  __syncthreads();
  W sum[sums * packets * packet] = {};
  const std::int64_t first = image * a.length + a.length * part / split;
  const std::int64_t last = image * a.length + a.length * (part + 1) / split;
  for (std::int64_t base = first; base < last; base += teams) {
    const std::int64_t row = base + threadIdx.x / team;
    const bool valid = row < last;
    const W inverse = valid ? a.inverse_rms[row] : W(0);
    const auto load = [&](const T* from, int i) {
      const int column = (i * team + member) * packet;
      Packet<T> out{};
      if (valid && column < a.width) out = *reinterpret_cast<const Packet<T>*>(from + row * a.width + column);
      return out;
    };
    Packet<T> x[packets], g[packets];
    if constexpr (keep) {
#pragma unroll
      for (int i = 0; i < packets; ++i) {
        x[i] = load(a.x, i);
        g[i] = load(a.grad_y, i);
      }
    }
    W dot = 0;
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      const int column = (i * team + member) * packet;
      const Packet<T> xi = keep ? x[i] : load(a.x, i), gi = keep ? g[i] : load(a.grad_y, i);
      WidePacket<T> factor{};
      if (column < a.width) factor = *reinterpret_cast<const WidePacket<T>*>(factors + column);
#pragma unroll
      for (int j = 0; j < packet; ++j) {
        const W product = static_cast<W>(gi.values[j]) * static_cast<W>(xi.values[j]);
        dot += product * factor.values[j];
        sum[i * packet + j] += product * inverse;
        if constexpr (modulated) sum[(packets + i) * packet + j] += static_cast<W>(gi.values[j]);
      }
    }
    if (!a.grad_x.data) continue;
    const W along = warp_sum<team>(dot) * inverse * inverse * inverse / W(a.width);
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      const int column = (i * team + member) * packet;
      if (!valid || column >= a.width) continue;
      const Packet<T> xi = keep ? x[i] : load(a.x, i), gi = keep ? g[i] : load(a.grad_y, i);
      const auto factor = *reinterpret_cast<const WidePacket<T>*>(factors + column);
      W values[packet];
#pragma unroll
      for (int j = 0; j < packet; ++j)
        values[j] =
            static_cast<W>(gi.values[j]) * factor.values[j] * inverse - static_cast<W>(xi.values[j]) * along;
      put_wide(a.grad_x, row * a.width + column, values);
    }
  }
  if (partial == nullptr) return;
  add_over_teams<team>(sum, factors);
  if (threadIdx.x >= team) return;
#pragma unroll
  for (int k = 0; k < sums; ++k) {
#pragma unroll
    for (int i = 0; i < packets; ++i) {
      const int column = (i * team + member) * packet;
      if (column >= a.width) continue;
      W* to = partial + (std::int64_t{blockIdx.x} * sums + k) * a.width + column;
#pragma unroll
      for (int j = 0; j < packet; ++j) to[j] = sum[(k * packets + i) * packet + j];
    }
  }
}

/// The gradient of x alone, for any width, one row a block.
template <class T, bool modulated>
__global__ void norm_backward_block_kernel(NormBackward<T> a) {
  using W = wide_t<T>;
  const std::int64_t row = blockIdx.x, image = row / a.length;
  const T *x = a.x + row * a.width, *g = a.grad_y + row * a.width;
  const W inverse = a.inverse_rms[row];
  const auto through = [&](std::int64_t j) {
    W factor = static_cast<W>(a.weight[j]);
    if constexpr (modulated) factor *= W(1) + static_cast<W>(a.scale[image * a.width + j]);
    return static_cast<W>(g[j]) * factor;
  };
  W dot = 0;
  for (std::int64_t j = threadIdx.x; j < a.width; j += blockDim.x) dot += through(j) * static_cast<W>(x[j]);
  const W along = block_sum(dot) * inverse * inverse * inverse / W(a.width);
  for (std::int64_t j = threadIdx.x; j < a.width; j += blockDim.x) {
    W values[1] = {through(j) * inverse - static_cast<W>(x[j]) * along};
    put_wide(a.grad_x, row * a.width + j, values);
  }
}

/// The sums alone, for any width.
template <class T, bool modulated>
struct NormTerm {
  NormBackward<T> a;

  __device__ void operator()(std::int64_t row, std::int64_t column,
                             wide_t<T> (&sum)[norm_sums<modulated>][1]) const {
    using W = wide_t<T>;
    const std::int64_t at = row * a.width + column;
    const W g = static_cast<W>(a.grad_y[at]);
    sum[0][0] += g * static_cast<W>(a.x[at]) * a.inverse_rms[row];
    if constexpr (modulated) sum[1][0] += g;
  }
};

/// Contributes to a.grad_x and, if wanted, calls put(image, column, total) on the device with the sums over the rows of each
/// image.
template <bool modulated, class T, class Put>
void norm_backward(const char* op, const NormBackward<T>& a, bool sums_wanted, Put put) {
  using W = wide_t<T>;
  constexpr int sums = norm_sums<modulated>;
  if (!a.grad_x && !sums_wanted) return;
  const bool packed = in_packets<T>(a.width, a.x, a.weight, a.grad_y, a.grad_x.data) && a.width > 0;
  const auto with_layout = [&]<class Layout>(Layout) {
    constexpr int team = Layout::team, packets = Layout::packets, columns = packets * Packet<T>::count;
    constexpr int teams = norm_threads / team;
    // Threads that hold many sums leave few blocks room on a multiprocessor: then fewer of them, each with more rows.
    constexpr std::int64_t enough = columns >= 24 ? 256 : 1024;
    const auto split = static_cast<int>(std::clamp<std::int64_t>(
        (enough + a.images - 1) / a.images, 1, std::max<std::int64_t>(1, a.length / (2 * teams))));
    const std::int64_t blocks = a.images * split;
    const auto storage =
        allocate_bytes<Cuda>(sums_wanted ? static_cast<std::size_t>(blocks * sums * a.width) * sizeof(W) : 0);
    W* partial = reinterpret_cast<W*>(storage.get());
    constexpr int exchange = norm_threads / 2 * sums * columns;
    launch(op, norm_backward_kernel<T, team, packets, modulated>, blocks_for(blocks, 1), norm_threads,
           sizeof(W) * static_cast<std::size_t>(std::max<std::int64_t>(exchange, a.width)), a, split,
           partial);
    if (sums_wanted) {
      grouped_column_sums<W, sums, 1>(op, a.images, split, a.width, PartialSums<W, sums>{partial, a.width},
                                      put);
    }
  };
  if (packed && a.rows() > 0 && with_row_layout<T>(a.width, with_layout)) return;
  if (a.grad_x) {
    launch(op, norm_backward_block_kernel<T, modulated>, blocks_for(a.rows(), 1), threads_for_row(a.width), 0,
           a);
  }
  if (sums_wanted) {
    grouped_column_sums<W, sums, 1>(op, a.images, a.length, a.width, NormTerm<T, modulated>{a}, put);
  }
}

}  // namespace pixnerd::detail
