// SPDX-License-Identifier: MIT
/// \file
/// Sums on the CPU that vectorize and whose order depends on sizes alone.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <memory>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/memory.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// Sum of term(i) for i in [begin, end) on the calling thread, in 16 interleaved partial sums, so the loop
/// vectorizes although the compiler must not reorder sums.
template <class T, class Term>
T lane_sum(std::int64_t begin, std::int64_t end, Term&& term) {
  constexpr std::int64_t lanes = 16;
  T partial[lanes] = {};
  std::int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) partial[lane] += term(i + lane);
  }
  for (std::int64_t lane = 0; i < end; ++i, ++lane) partial[lane] += term(i);
  for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
    for (std::int64_t lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
  }
  return partial[0];
}

/// Cuts the columns of each of `batch` images into pieces of at most `most`, so that sums over an image's
/// rows fit on the stack: body(image, first, n) handles columns [first, first + n) of one image, on any
/// thread.
template <std::int64_t most, class Body>
  requires std::invocable<Body, std::int64_t, std::int64_t, std::int64_t>
void parallel_image_columns(std::int64_t batch, std::int64_t width, Body&& body) {
  const std::int64_t pieces = (width + most - 1) / most;
  parallel_for(batch * pieces, [&](std::int64_t index) {
    const std::int64_t first = index % pieces * most;
    body(index / pieces, first, std::min(most, width - first));
  });
}

/// Sums `width` columns over rows [0, rows) on all threads, the rows taken in blocks of `grain` added in
/// order: body(begin, end, sums) must add its rows' contributions to sums[0 .. width), which starts at zero.
/// Each total goes to put(column, total).
template <class T, class Put, class Body>
  requires std::invocable<Put, std::int64_t, T>
void parallel_column_sums(std::int64_t rows, std::int64_t width, std::int64_t grain, Put put, Body&& body) {
  const std::int64_t blocks = std::max<std::int64_t>(1, (rows + grain - 1) / grain);
  const auto storage = allocate_bytes<Cpu>(static_cast<std::size_t>(blocks * width) * sizeof(T));
  T* partial = reinterpret_cast<T*>(storage.get());
  parallel_for(blocks, [&](std::int64_t block) {
    T* sums = partial + block * width;
    std::fill_n(sums, width, T(0));
    body(block * grain, std::min(rows, (block + 1) * grain), sums);
  });
  for (std::int64_t j = 0; j < width; ++j) {
    T sum = partial[j];
    for (std::int64_t block = 1; block < blocks; ++block) sum += partial[block * width + j];
    put(j, sum);
  }
}

/// The same into one gradient.
template <class T, class Body>
void parallel_column_sums(std::int64_t rows, std::int64_t width, std::int64_t grain, GradTarget<T> target,
                          Body&& body) {
  parallel_column_sums<T>(
      rows, width, grain, [target](std::int64_t j, T sum) { target.put(j, sum); }, body);
}

}  // namespace pixnerd
