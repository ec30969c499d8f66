// SPDX-License-Identifier: MIT
/// \file
/// Tensors of random numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include <pixnerd/core/random.hpp>
#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

template <class Device>
struct RandomFillKernel : MissingKernel<Device> {};

template <>
struct RandomFillKernel<Cpu> {
  /// Element i of y = element i of the stream.
  template <class T>
  static void normal(std::int64_t count, const RandomKey& key, T* y) {
    fill(count, y, [=](std::uint32_t block) { return random_normals(key, block); });
  }

  /// Sample b, the elements [b each, (b + 1) each) of y, has its own stream, whose sample is samples[b].
  template <class T>
  static void normal_per_sample(std::int64_t batch, std::int64_t each, RandomKey key,
                                const std::uint32_t* samples, T* y) {
    constexpr std::int64_t grain = 1024;  // blocks of four numbers
    const std::int64_t pieces = (each + 4 * grain - 1) / (4 * grain);
    parallel_for(batch * pieces, [=](std::int64_t index) {
      const std::int64_t b = index / pieces, first = index % pieces * grain;
      RandomKey stream = key;
      stream.sample = samples[b];
      fill_blocks(first, std::min(first + grain, (each + 3) / 4), each, y + b * each,
                  [=](std::uint32_t block) { return random_normals(stream, block); });
    });
  }

  template <class T>
  static void uniform(std::int64_t count, const RandomKey& key, T* y) {
    fill(count, y, [=](std::uint32_t block) { return random_uniforms(key, block); });
  }

 private:
  /// block(b) gives elements [4 b, 4 b + 4).
  template <class T, class Block>
  static void fill(std::int64_t count, T* y, Block block) {
    parallel_ranges((count + 3) / 4, 1024,
                    [=](std::int64_t begin, std::int64_t end) { fill_blocks(begin, end, count, y, block); });
  }

  template <class T, class Block>
  static void fill_blocks(std::int64_t begin, std::int64_t end, std::int64_t count, T* y, Block block) {
    for (std::int64_t b = begin; b < end; ++b) {
      const auto values = block(static_cast<std::uint32_t>(b));
      const std::int64_t n = std::min<std::int64_t>(4, count - 4 * b);
      for (std::int64_t k = 0; k < n; ++k) y[4 * b + k] = static_cast<T>(values[static_cast<std::size_t>(k)]);
    }
  }
};

/// Fills a tensor with standard normals: element i of the tensor is element i of the stream. Any shape.
template <class T, class Device>
void fill_normal(const Tensor<T, Device>& out, const RandomKey& key) {
  RandomFillKernel<Device>::normal(out.count(), key, out.data());
}

/// Fills a tensor with uniforms on [0, 1): element i of the tensor is element i of the stream. Any shape.
template <class T, class Device>
void fill_uniform(const Tensor<T, Device>& out, const RandomKey& key) {
  RandomFillKernel<Device>::uniform(out.count(), key, out.data());
}

/// Fills a tensor with standard normals, one stream per sample, so a sample's numbers depend on its global
/// index alone and not on its batch. out (B, ...), samples: B global indices. Throws ShapeError unless there
/// are B of them.
template <class T, class Device>
void fill_normal_per_sample(const Tensor<T, Device>& out, std::uint64_t seed, RandomPurpose purpose,
                            const Tensor<std::uint32_t, Device>& samples, std::uint32_t step) {
  const std::int64_t batch = samples.count();
  if (out.rank() < 1 || out.size(0) != batch) {
    raise<ShapeError>("fill_normal_per_sample", str_cat("a tensor of ", batch, " samples"),
                      str_cat(out.shape()));
  }
  if (out.count() == 0) return;
  RandomFillKernel<Device>::normal_per_sample(batch, out.count() / batch, {seed, purpose, 0, step},
                                              samples.data(), out.data());
}

/// The same for indices on the host.
template <class T, class Device>
void fill_normal_per_sample(const Tensor<T, Device>& out, std::uint64_t seed, RandomPurpose purpose,
                            std::span<const std::uint32_t> samples, std::uint32_t step) {
  const Shape batch{static_cast<std::int64_t>(samples.size())};
  fill_normal_per_sample(out, seed, purpose, Tensor<std::uint32_t, Device>::from_host(batch, samples), step);
}

}  // namespace pixnerd
