// SPDX-License-Identifier: MIT
/// \file
/// Formulas over broadcast operands on the GPU. Sums over repeated axes are in broadcast_sum.cuh.
#pragma once

#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/tensor/broadcast.hpp>

namespace pixnerd {

namespace detail {

/// Some loops of a BroadcastLoops as a kernel argument, with two strides each.
struct CudaLoops {
  int rank = 0;
  std::int64_t size[Shape::max_rank];
  std::int64_t first[Shape::max_rank];
  std::int64_t second[Shape::max_rank];

  void append(std::int64_t n, std::int64_t step_first, std::int64_t step_second) {
    size[rank] = n;
    first[rank] = step_first;
    second[rank] = step_second;
    ++rank;
  }

  std::int64_t count() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= size[axis];
    return product;
  }

  struct Offsets {
    std::int64_t first, second;
  };

  /// Offsets of the index-th iteration of the loops (the outermost is the slowest) in the two operands.
  __device__ Offsets at(std::int64_t index) const {
    Offsets offsets{0, 0};
    for (int axis = rank - 1; axis > 0; --axis) {
      const auto [rest, i] = divide(index, size[axis]);
      offsets.first += i * first[axis];
      offsets.second += i * second[axis];
      index = rest;
    }
    if (rank > 0) {
      offsets.first += index * first[0];
      offsets.second += index * second[0];
    }
    return offsets;
  }
};

/// The innermost loop in `units` pieces of `width`. Steps are those of the innermost loop, 0 or 1.
template <int width, class T, class Formula>
__global__ void broadcast_kernel(std::int64_t count, std::int64_t units, CudaLoops outer, std::int64_t step_a,
                                 std::int64_t step_b, const T* g, const T* a, const T* b, GradTarget<T> y,
                                 Formula formula) {
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [row, unit] = divide(index, units);
  const auto [row_a, row_b] = outer.at(row);
  wide_t<T> gs[width] = {}, as[width] = {}, bs[width] = {}, ys[width];
  if constexpr (Formula::reads_gradient) load_wide<width>(g + index * width, gs);
  if constexpr (Formula::reads_operands) {
    load_wide<width>(a + row_a, step_a, unit * width, as);
    load_wide<width>(b + row_b, step_b, unit * width, bs);
  }
#pragma unroll
  for (int j = 0; j < width; ++j) ys[j] = formula(gs[j], as[j], bs[j]);
  put_wide<width>(y, index * width, ys);
}

}  // namespace detail

/// For every element i of the result of broadcasting a with b: y[i] = formula(g[i], a[ia], b[ib]), written or
/// added. g is read only if Formula::reads_gradient, a and b only if Formula::reads_operands. One thread per
/// 16 bytes of y where the innermost loop and the addresses allow it, otherwise one per element; repeated
/// operands come from the caches.
template <class T, class Formula>
void cuda_broadcast(const char* op, const BroadcastLoops& loops, const T* g, const T* a, const T* b,
                    GradTarget<T> y, Formula formula) {
  if (loops.count() == 0) return;
  constexpr int packet = packet_width<T>, threads = 256;
  const auto inner = static_cast<std::size_t>(loops.rank) - 1;
  const std::int64_t size = loops.size[inner], step_a = loops.stride_a[inner], step_b = loops.stride_b[inner];
  detail::CudaLoops outer;
  for (std::size_t axis = 0; axis < inner; ++axis) {
    outer.append(loops.size[axis], loops.stride_a[axis], loops.stride_b[axis]);
  }
  const auto run = [&](auto kernel, std::int64_t units) {
    const std::int64_t count = outer.count() * units;
    launch(op, kernel, blocks_for(count, threads), threads, 0, count, units, outer, step_a, step_b, g, a, b,
           y, formula);
  };
  const T* out = y.data;
  if (size % packet == 0 && detail::fit_packets(Formula::reads_gradient ? g : out, out, step_a == 0 ? out : a,
                                                step_b == 0 ? out : b)) {
    run(detail::broadcast_kernel<packet, T, Formula>, size / packet);
  } else {
    run(detail::broadcast_kernel<1, T, Formula>, size);
  }
}

}  // namespace pixnerd
