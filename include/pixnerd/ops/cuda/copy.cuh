// SPDX-License-Identifier: MIT
/// \file
/// Copies of parts of tensors on the GPU.
#pragma once

#include <pixnerd/ops/cpu/copy.hpp>
#include <pixnerd/ops/cuda/vector.cuh>

namespace pixnerd {

namespace detail {

/// `count` pieces of `width` elements, `units` per row.
template <int width, class T>
__global__ void copy_rows_kernel(std::int64_t count, std::int64_t units, const T* from, RowLayout from_rows,
                                 GradTarget<T> to, RowLayout to_rows) {
  const std::int64_t index = thread_index();
  if (index >= count) return;
  const auto [row, unit] = divide(index, units);
  wide_t<T> values[width];
  load_wide<width>(from + from_rows.first + row * from_rows.stride + unit * width, values);
  put_wide<width>(to, to_rows.first + row * to_rows.stride + unit * width, values);
}

}  // namespace detail

/// Writes or adds `rows` rows of `width` elements. One thread per 16 bytes where addresses and sizes allow
/// it, otherwise one per element.
template <class T>
void cuda_copy_rows(const char* op, std::int64_t rows, std::int64_t width, const T* from, RowLayout from_rows,
                    GradTarget<T> to, RowLayout to_rows) {
  constexpr int packet = packet_width<T>, threads = 256;
  const auto run = [&](auto kernel, std::int64_t units) {
    launch(op, kernel, blocks_for(rows * units, threads), threads, 0, rows * units, units, from, from_rows,
           to, to_rows);
  };
  const std::int64_t numbers =
      width | from_rows.first | to_rows.first | (rows > 1 ? from_rows.stride | to_rows.stride : 0);
  if (numbers % packet == 0 && detail::fit_packets(from, to.data)) {
    run(detail::copy_rows_kernel<packet, T>, width / packet);
  } else {
    run(detail::copy_rows_kernel<1, T>, width);
  }
}

}  // namespace pixnerd
