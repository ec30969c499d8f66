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
struct random_fill_kernel {
  static_assert(sizeof(Device) == 0,
                "op random_fill has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

template <>
struct random_fill_kernel<Cpu> {
  /// Element i of y = element i of the stream.
  template <class T>
  static void normal(std::int64_t count, const RandomKey& key, T* y) {
    fill(count, y, [=](std::uint32_t block) { return random_normals(key, block); });
  }

  template <class T>
  static void uniform(std::int64_t count, const RandomKey& key, T* y) {
    fill(count, y, [=](std::uint32_t block) {
      const RandomWords words = random_words(key, block);
      return FourOf<float>{uniform_from_word(words[0]), uniform_from_word(words[1]),
                           uniform_from_word(words[2]), uniform_from_word(words[3])};
    });
  }

 private:
  /// block(b) gives elements [4 b, 4 b + 4).
  template <class T, class Block>
  static void fill(std::int64_t count, T* y, Block block) {
    parallel_ranges((count + 3) / 4, 1024, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const auto values = block(static_cast<std::uint32_t>(b));
        const std::int64_t n = std::min<std::int64_t>(4, count - 4 * b);
        for (std::int64_t k = 0; k < n; ++k)
          y[4 * b + k] = static_cast<T>(values[static_cast<std::size_t>(k)]);
      }
    });
  }
};

/// Standard normals: element i of the tensor is element i of the stream. Any shape.
template <class T, class Device>
void fill_normal(const Tensor<T, Device>& out, const RandomKey& key) {
  random_fill_kernel<Device>::normal(out.count(), key, out.data());
}

/// Uniform on [0, 1): element i of the tensor is element i of the stream. Any shape.
template <class T, class Device>
void fill_uniform(const Tensor<T, Device>& out, const RandomKey& key) {
  random_fill_kernel<Device>::uniform(out.count(), key, out.data());
}

/// Standard normals with one stream for each sample, so that a sample's numbers depend on its global index
/// alone and not on the batch it is in. out (B, ...), samples: B global indices.
/// Throws ShapeError when their number is not B.
template <class T, class Device>
void fill_normal_per_sample(const Tensor<T, Device>& out, std::uint64_t seed, RandomPurpose purpose,
                            std::span<const std::uint32_t> samples, std::uint32_t step) {
  const auto batch = static_cast<std::int64_t>(samples.size());
  if (out.rank() < 1 || out.size(0) != batch) {
    raise<ShapeError>("fill_normal_per_sample", text("a tensor of ", batch, " samples"), text(out.shape()));
  }
  for (std::int64_t b = 0; b < batch; ++b) {
    fill_normal(out.rows(b, b + 1), {seed, purpose, samples[static_cast<std::size_t>(b)], step});
  }
}

}  // namespace pixnerd
