// SPDX-License-Identifier: MIT
/// \file
/// The launcher of elementwise kernels: any formula from several inputs to several outputs, 16 bytes per
/// access.
#pragma once

#include <cstdint>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/cuda/memory.cuh>
#include <pixnerd/ops/cuda/vector.cuh>

namespace pixnerd {

namespace detail {

/// The elements of one access of 16 bytes.
template <class T>
struct alignas(16) Packet {
  static constexpr int count = 16 / static_cast<int>(sizeof(T));
  T values[count];
};

/// Pointers as a kernel argument.
template <class T, int n>
struct Pointers {
  const T* at[n > 0 ? n : 1];
};
template <class T, int n>
struct Targets {
  GradTarget<T> at[n];
};

template <class T, int inputs, int outputs, class Formula>
__device__ inline void apply_formula(const Pointers<T, inputs>& in, const Targets<T, outputs>& out,
                                     std::int64_t i, const Formula& formula) {
  using W = wide_t<T>;
  W x[inputs > 0 ? inputs : 1], y[outputs];
  for (int k = 0; k < inputs; ++k) x[k] = static_cast<W>(in.at[k][i]);
  formula(i, x, y);
  for (int k = 0; k < outputs; ++k) {
    if (out.at[k].data == nullptr) continue;
    if (out.at[k].add) y[k] += static_cast<W>(out.at[k].data[i]);
    out.at[k].data[i] = static_cast<T>(y[k]);
  }
}

template <class T, int inputs, int outputs, class Formula>
__global__ void elementwise_kernel_by_one(std::int64_t count, Pointers<T, inputs> in, Targets<T, outputs> out,
                                          Formula formula) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) apply_formula(in, out, i, formula);
}

template <class T, int inputs, int outputs, class Formula>
__global__ void elementwise_kernel_by_packet(std::int64_t count, Pointers<T, inputs> in,
                                             Targets<T, outputs> out, Formula formula) {
  using W = wide_t<T>;
  constexpr int width = packet_width<T>;
  const std::int64_t first = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * width;
  if (first + width > count) {
    for (std::int64_t i = first; i < count; ++i) apply_formula(in, out, i, formula);
    return;
  }
  // All reads come before any write, so that they overlap.
  W x[inputs > 0 ? inputs : 1][width], before[outputs][width], y[outputs][width];
#pragma unroll
  for (int k = 0; k < inputs; ++k) load_wide<width>(in.at[k] + first, x[k]);
#pragma unroll
  for (int k = 0; k < outputs; ++k) {
    if (out.at[k].data != nullptr && out.at[k].add)
      load_wide<width>(static_cast<const T*>(out.at[k].data) + first, before[k]);
  }
#pragma unroll
  for (int j = 0; j < width; ++j) {
    W xj[inputs > 0 ? inputs : 1], yj[outputs];
#pragma unroll
    for (int k = 0; k < inputs; ++k) xj[k] = x[k][j];
    formula(first + j, xj, yj);
#pragma unroll
    for (int k = 0; k < outputs; ++k) {
      y[k][j] = out.at[k].data != nullptr && out.at[k].add ? yj[k] + before[k][j] : yj[k];
    }
  }
#pragma unroll
  for (int k = 0; k < outputs; ++k) {
    if (out.at[k].data != nullptr)
      *reinterpret_cast<Vector<T, width>*>(out.at[k].data + first) = rounded<T, width>(y[k]);
  }
}

}  // namespace detail

/// For every i in [0, count): formula(i, x, y) sets y[0 ... outputs) from x[0 ... inputs), all in wide_t<T>,
/// and the y go to the targets, written or added; a false target is skipped. An input and a target may be the
/// same memory. `formula` is a device functor.
template <class T, int inputs, int outputs, class Formula>
void cuda_elementwise(const char* op, std::int64_t count, const T* const (&in)[inputs],
                      const GradTarget<T> (&out)[outputs], Formula formula) {
  if (count == 0) return;
  detail::Pointers<T, inputs> from{};
  detail::Targets<T, outputs> to{};
  std::uintptr_t bits = 0;
  for (int k = 0; k < inputs; ++k) {
    from.at[k] = in[k];
    bits |= reinterpret_cast<std::uintptr_t>(in[k]);
  }
  for (int k = 0; k < outputs; ++k) {
    to.at[k] = out[k];
    bits |= reinterpret_cast<std::uintptr_t>(out[k].data);
  }
  constexpr int threads = 256;
  if (bits % 16 == 0) {
    launch(op, detail::elementwise_kernel_by_packet<T, inputs, outputs, Formula>,
           blocks_for(count, threads * packet_width<T>), threads, 0, count, from, to, formula);
  } else {
    launch(op, detail::elementwise_kernel_by_one<T, inputs, outputs, Formula>, blocks_for(count, threads),
           threads, 0, count, from, to, formula);
  }
}

namespace detail {

template <class Formula>
struct UnaryForward {
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* y) const {
    y[0] = Formula::value(x[0]);
  }
};

/// x[0]: the input, x[1]: the gradient of the output.
template <class Formula>
struct UnaryBackward {
  template <class W>
  __device__ void operator()(std::int64_t, const W* x, W* grad_x) const {
    grad_x[0] = x[1] * Formula::slope(x[0]);
  }
};

}  // namespace detail

/// y = Formula::value(x): the GPU's cpu_unary().
template <class Formula, class T>
void cuda_unary(const char* op, std::int64_t count, const T* x, T* y) {
  cuda_elementwise<T, 1, 1>(op, count, {x}, {{y}}, detail::UnaryForward<Formula>{});
}

/// grad_x (+)= grad_y Formula::slope(x).
template <class Formula, class T>
void cuda_unary_backward(const char* op, std::int64_t count, const T* x, const T* grad_y,
                         GradTarget<T> grad_x) {
  cuda_elementwise<T, 2, 1>(op, count, {x, grad_y}, {grad_x}, detail::UnaryBackward<Formula>{});
}

}  // namespace pixnerd
