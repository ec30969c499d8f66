// SPDX-License-Identifier: MIT
/// \file
/// Cutting a tensor into equal parts on the GPU: one pass over all parts.
#pragma once

#include <array>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/ops/cuda/vector.cuh>
#include <pixnerd/ops/split.hpp>

namespace pixnerd {

namespace detail {

/// The parts as a kernel's argument.
template <class T, std::size_t parts>
struct Parts {
  T* at[parts];
};

/// `count` pieces of `width` elements of the whole, `units` per row of a part.
template <int width, class T, std::size_t parts>
__global__ void split_forward(std::int64_t count, std::int64_t units, const T* whole, Parts<T, parts> to) {
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [part_row, unit] = divide(index, units);
  const auto [row, part] = divide(part_row, parts);
  wide_t<T> values[width];
  load_wide<width>(whole + index * width, values);
  put_wide<width>(GradTarget<T>{to.at[part]}, (row * units + unit) * width, values);
}

template <int width, class T, std::size_t parts>
__global__ void split_backward(std::int64_t count, std::int64_t units, Parts<const T, parts> from,
                               GradTarget<T> whole) {
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [part_row, unit] = divide(index, units);
  const auto [row, part] = divide(part_row, parts);
  wide_t<T> values[width];
  load_wide<width>(from.at[part] + (row * units + unit) * width, values);
  put_wide<width>(whole, index * width, values);
}

}  // namespace detail

/// A thread moves 16 bytes where addresses and sizes allow it, otherwise one element.
template <>
struct SplitKernel<Cuda> {
  template <class T, std::size_t N>
  static void forward(std::int64_t rows, std::int64_t width, const T* whole, const std::array<T*, N>& parts) {
    detail::Parts<T, N> to;
    bool packets = width % packet_width<T> == 0 && detail::fit_packets(whole);
    for (std::size_t k = 0; k < N; ++k) {
      to.at[k] = parts[k];
      packets = packets && detail::fit_packets(to.at[k]);
    }
    if (packets) {
      run<N>(detail::split_forward<packet_width<T>, T, N>, rows, width / packet_width<T>, whole, to);
    } else {
      run<N>(detail::split_forward<1, T, N>, rows, width, whole, to);
    }
  }

  template <class T, std::size_t N>
  static void backward(std::int64_t rows, std::int64_t width, const std::array<const T*, N>& grad_parts,
                       GradTarget<T> grad_whole) {
    detail::Parts<const T, N> from;
    bool packets = width % packet_width<T> == 0 && detail::fit_packets(grad_whole.data);
    for (std::size_t k = 0; k < N; ++k) {
      from.at[k] = grad_parts[k];
      packets = packets && detail::fit_packets(from.at[k]);
    }
    if (packets) {
      run<N>(detail::split_backward<packet_width<T>, T, N>, rows, width / packet_width<T>, from, grad_whole);
    } else {
      run<N>(detail::split_backward<1, T, N>, rows, width, from, grad_whole);
    }
  }

 private:
  template <std::size_t N, class Kernel, class... Arguments>
  static void run(Kernel kernel, std::int64_t rows, std::int64_t units, Arguments... arguments) {
    constexpr int threads = 256;
    const std::int64_t count = rows * static_cast<std::int64_t>(N) * units;
    launch("split", kernel, blocks_for(count, threads), threads, 0, count, units, arguments...);
  }
};

}  // namespace pixnerd
