// SPDX-License-Identifier: MIT
/// \file
/// Normalized and rotated queries and keys on the GPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/ops/cuda/head_elements.cuh>
#include <pixnerd/ops/qk_norm_rotary.hpp>

namespace pixnerd {

namespace detail {

/// The arguments that both directions share.
template <class T>
struct QkNormRotary {
  std::uint32_t tokens, positions, heads;
  int width;
  const T* qkv;
  const wide_t<T>* weights[2];
  const wide_t<T>* rotary;

  __device__ const wide_t<T>* angles(std::uint32_t token) const {
    return rotary == nullptr ? nullptr : rotary + std::int64_t{token % positions} * width;
  }
};

inline constexpr int qk_threads = 256;

/// `lanes` threads handle one head of a token: they read it, normalize it, rotate it and write it. The second
/// read hits the cache. Values are copied.
template <class T, bool packets, int lanes>
__global__ void qk_norm_rotary_forward(QkNormRotary<T> in, wide_t<T> epsilon, T* q, T* k, T* v,
                                       wide_t<T>* inverse_rms) {
  using W = wide_t<T>;
  using Elements = HeadElements<T, packets>;
  const std::uint32_t row = blockIdx.x * (qk_threads / lanes) + threadIdx.x / lanes;  // token, part, head
  const int first = static_cast<int>(threadIdx.x) % lanes * Elements::count;
  const std::uint32_t head = row % in.heads, part = row / in.heads % 3, token = row / in.heads / 3;
  const bool exists = token < in.tokens;
  const T* const x = in.qkv + std::int64_t{row} * in.width;
  W square = 0;
  if (exists && part < 2) {
    for (int i = first; i < in.width; i += lanes * Elements::count) {
      Elements some;
      some.load(x, i, in.width);
#pragma unroll
      for (int j = 0; j < Elements::count; ++j) square += some.values[j] * some.values[j];
    }
  }
  const W inverse = W(1) / std::sqrt(warp_sum<lanes>(square) / W(in.width) + epsilon);
  if (!exists) return;
  const GradTarget<T> out{part == 0 ? q : part == 1 ? k : v};
  const W* const weights = part == 0 ? in.weights[0] : in.weights[1];
  for (int i = first; i < in.width; i += lanes * Elements::count) {
    Elements some, weight;
    some.load(x, i, in.width);
    if (part < 2) {
      weight.load(weights, i, in.width);
#pragma unroll
      for (int j = 0; j < Elements::count; ++j) some.values[j] = some.values[j] * inverse * weight.values[j];
      some.turn(in.angles(token), i, in.width, false);
    }
    some.put(out, (std::int64_t{token} * in.heads + head) * in.width, i, in.width);
  }
  if (part < 2 && first == 0) inverse_rms[(token * 2 + part) * in.heads + head] = inverse;
}

/// Queries, keys and values get a third of the blocks each. `lanes` threads handle one head of a token after
/// another and keep the sums for the gradients of their elements' weights in registers, at most `hold` times
/// the elements of an access. The sums of a block go to partial (2, blocks, width), unless it is null.
template <class T, bool packets, int lanes, int hold>
__global__ void __launch_bounds__(qk_threads)
    qk_norm_rotary_backward(QkNormRotary<T> in, int rounds, const wide_t<T>* inverse_rms,
                            Pointers<T, 3> grad_out, GradTarget<T> grad_qkv, wide_t<T>* partial) {
  using W = wide_t<T>;
  using Elements = HeadElements<T, packets>;
  constexpr int count = Elements::count, groups = qk_threads / lanes;
  const std::uint32_t part = blockIdx.y, rows = in.tokens * in.heads;
  const int lane = static_cast<int>(threadIdx.x) % warp_size, first = lane % lanes * count;
  const T* const grads = part == 0 ? grad_out.at[0] : part == 1 ? grad_out.at[1] : grad_out.at[2];
  const W* const weights = part == 0 ? in.weights[0] : in.weights[1];
  Elements sums[hold];
#pragma unroll
  for (int h = 0; h < hold; ++h) {
#pragma unroll
    for (int j = 0; j < count; ++j) sums[h].values[j] = 0;
  }
  for (int round = 0; round < rounds; ++round) {
    const std::uint32_t row = (blockIdx.x * rounds + round) * groups + threadIdx.x / lanes;  // token, head
    const bool exists = row < rows;
    const std::uint32_t token = row / in.heads, head = row % in.heads;
    const std::int64_t at = ((std::int64_t{token} * 3 + part) * in.heads + head) * in.width;
    const T* const grad = grads + std::int64_t{row} * in.width;
    if (part == 2) {
      for (int i = first; exists && i < in.width; i += lanes * count) {
        Elements some;
        some.load(grad, i, in.width);
        some.put(grad_qkv, at, i, in.width);
      }
      continue;
    }
    const W inverse = exists ? inverse_rms[(token * 2 + part) * in.heads + head] : W(0);
    Elements x[hold], scaled[hold];
    W dot = 0;
#pragma unroll
    for (int h = 0; h < hold; ++h) {
      const int i = first + h * lanes * count;
      if (!exists || i >= in.width) continue;
      Elements weight;
      x[h].load(in.qkv + at, i, in.width);
      scaled[h].load(grad, i, in.width);
      scaled[h].turn(in.angles(token), i, in.width, true);
      weight.load(weights, i, in.width);
#pragma unroll
      for (int j = 0; j < count; ++j) {
        sums[h].values[j] += scaled[h].values[j] * x[h].values[j] * inverse;
        scaled[h].values[j] *= weight.values[j];
        dot += scaled[h].values[j] * x[h].values[j];
      }
    }
    if (grad_qkv.data == nullptr) continue;
    const W along = warp_sum<lanes>(dot) * inverse * inverse * inverse / W(in.width);
#pragma unroll
    for (int h = 0; h < hold; ++h) {
      const int i = first + h * lanes * count;
      if (!exists || i >= in.width) continue;
#pragma unroll
      for (int j = 0; j < count; ++j)
        scaled[h].values[j] = scaled[h].values[j] * inverse - x[h].values[j] * along;
      scaled[h].put(grad_qkv, at, i, in.width);
    }
  }

  if (partial == nullptr || part == 2) return;
  W* const of_warps = dynamic_shared<W>();  // (warps, width)
#pragma unroll
  for (int h = 0; h < hold; ++h) {
#pragma unroll
    for (int j = 0; j < count; ++j) {
      W sum = sums[h].values[j];
#pragma unroll
      for (int step = lanes; step < warp_size; step *= 2) sum += __shfl_xor_sync(whole_warp, sum, step);
      const int i = first + h * lanes * count + j;
      if (lane < lanes && i < in.width)
        of_warps[static_cast<int>(threadIdx.x) / warp_size * in.width + i] = sum;
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < in.width; i += qk_threads) {
    W sum = 0;
    for (int warp = 0; warp < qk_threads / warp_size; ++warp) sum += of_warps[warp * in.width + i];
    partial[(std::int64_t{part} * gridDim.x + blockIdx.x) * in.width + i] = sum;
  }
}

/// Adds up partial (2, blocks, width): 32 columns per block, eight threads per column. Queries come before
/// keys, since both may have the same weight.
template <class W>
__global__ void qk_norm_rotary_weights(int blocks, int width, const W* partial, GradTarget<W> q,
                                       GradTarget<W> k) {
  __shared__ W sums[8][warp_size];
  const int column = static_cast<int>(blockIdx.x * warp_size + threadIdx.x);
  for (int part = 0; part < 2; ++part) {
    const GradTarget<W> target = part == 0 ? q : k;
    if (target.data == nullptr) continue;
    W sum = 0;
    for (int b = static_cast<int>(threadIdx.y); b < blocks && column < width; b += 8)
      sum += partial[(std::int64_t{part} * blocks + b) * width + column];
    __syncthreads();
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || column >= width) continue;
    for (int b = 1; b < 8; ++b) sum += sums[b][threadIdx.x];
    target.put(column, sum);
  }
}

/// Calls launch(packets, lanes), both constants, with as many threads per head as leave each at most 24
/// elements, or 16 without packets.
template <class Launch>
void with_lanes(bool packets, std::int64_t width, Launch launch) {
  using std::integral_constant;
  if (!packets) return launch(std::false_type{}, integral_constant<int, 32>{});
  if (width <= 96) return launch(std::true_type{}, integral_constant<int, 4>{});
  if (width <= 192) return launch(std::true_type{}, integral_constant<int, 8>{});
  launch(std::true_type{}, integral_constant<int, 32>{});
}

}  // namespace detail

template <>
struct QkNormRotaryKernel<Cuda> {
  static constexpr std::int64_t max_width = 512;

  template <class T>
  static void forward(std::int64_t tokens, std::int64_t positions, std::int64_t heads, std::int64_t width,
                      wide_t<T> epsilon, const T* qkv, const std::array<const wide_t<T>*, 2>& weights,
                      const wide_t<T>* rotary, const std::array<T*, 3>& out, wide_t<T>* inverse_rms) {
    const auto in = input(tokens, positions, heads, width, qkv, weights, rotary);
    if (tokens * heads == 0) return;
    const bool packets = aligned<T>(width, qkv, weights[0], weights[1], rotary, out[0], out[1], out[2]);
    detail::with_lanes(packets, width, [&](auto by_packets, auto lanes) {
      launch("qk_norm_rotary", detail::qk_norm_rotary_forward<T, by_packets(), lanes()>,
             blocks_for(tokens * 3 * heads, detail::qk_threads / lanes()), detail::qk_threads, 0, in, epsilon,
             out[0], out[1], out[2], inverse_rms);
    });
  }

  /// Sums for the weights' gradients within each block, then over the blocks, whose number depends on sizes
  /// alone.
  template <class T>
  static void backward(std::int64_t tokens, std::int64_t positions, std::int64_t heads, std::int64_t width,
                       const T* qkv, const std::array<const wide_t<T>*, 2>& weights, const wide_t<T>* rotary,
                       const wide_t<T>* inverse_rms, const std::array<const T*, 3>& grad_out,
                       GradTarget<T> grad_qkv, const std::array<GradTarget<wide_t<T>>, 2>& grad_weights) {
    using W = wide_t<T>;
    const auto in = input(tokens, positions, heads, width, qkv, weights, rotary);
    const bool packets = aligned<T>(width, qkv, weights[0], weights[1], rotary, grad_out[0], grad_out[1],
                                    grad_out[2], grad_qkv.data);
    const bool sums = grad_weights[0] || grad_weights[1];
    detail::with_lanes(packets, width, [&](auto by_packets, auto lanes) {
      constexpr int count = detail::HeadElements<T, by_packets()>::count;
      constexpr int hold = (by_packets() ? 24 : 16) / count;
      constexpr std::int64_t groups = detail::qk_threads / lanes(), most_blocks = 512;
      const std::int64_t rows = tokens * heads;
      const std::int64_t rounds =
          std::max<std::int64_t>(1, (rows + groups * most_blocks - 1) / (groups * most_blocks));
      const unsigned blocks = blocks_for(rows, groups * rounds);
      const Tensor<W, Cuda> partial({sums ? 2 : 0, blocks, width});
      launch("qk_norm_rotary", detail::qk_norm_rotary_backward<T, by_packets(), lanes(), hold>,
             dim3(blocks, grad_qkv ? 3 : 2), detail::qk_threads,
             static_cast<std::size_t>(width) * (detail::qk_threads / warp_size) * sizeof(W), in,
             static_cast<int>(rounds), inverse_rms,
             detail::Pointers<T, 3>{{grad_out[0], grad_out[1], grad_out[2]}}, grad_qkv,
             sums ? partial.data() : nullptr);
      if (sums) {
        launch("qk_norm_rotary", detail::qk_norm_rotary_weights<W>, blocks_for(width, warp_size),
               dim3(warp_size, 8), 0, static_cast<int>(blocks), static_cast<int>(width), partial.data(),
               grad_weights[0], grad_weights[1]);
      }
    });
  }

 private:
  template <class T>
  static detail::QkNormRotary<T> input(std::int64_t tokens, std::int64_t positions, std::int64_t heads,
                                       std::int64_t width, const T* qkv,
                                       const std::array<const wide_t<T>*, 2>& weights,
                                       const wide_t<T>* rotary) {
    if (tokens * 3 * heads >= (std::int64_t{1} << 32) - detail::qk_threads)
      raise<ShapeError>("qk_norm_rotary", "fewer than 2^32 heads of all tokens", str_cat(tokens * 3 * heads));
    return {static_cast<std::uint32_t>(tokens),
            static_cast<std::uint32_t>(positions),
            static_cast<std::uint32_t>(heads),
            static_cast<int>(width),
            qkv,
            {weights[0], weights[1]},
            rotary};
  }

  template <class T, class... Pointers>
  static bool aligned(std::int64_t width, Pointers... addresses) {
    return width % detail::Packet<T>::count == 0 &&
           (... && (reinterpret_cast<std::uintptr_t>(addresses) % 16 == 0));
  }
};

}  // namespace pixnerd
