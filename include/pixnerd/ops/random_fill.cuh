// SPDX-License-Identifier: MIT
/// \file
/// Tensors of random numbers on the GPU, with the same bits as on the CPU.
#pragma once

#include <cstdint>

#include <pixnerd/cuda/launch.cuh>
#include <pixnerd/ops/random_fill.hpp>

namespace pixnerd {

namespace detail {

struct NormalBlock {
  __device__ FourOf<float> operator()(const RandomKey& key, std::uint32_t block) const {
    return random_normals(key, block);
  }
};

struct UniformBlock {
  __device__ FourOf<float> operator()(const RandomKey& key, std::uint32_t block) const {
    return random_uniforms(key, block);
  }
};

/// A thread draws four numbers of one sample, one Philox block. If `samples` is null, key.sample is the
/// sample.
template <class Block, class T>
__global__ void random_fill_blocks(Block block, std::int64_t threads, std::int64_t each, RandomKey key,
                                   const std::uint32_t* samples, T* y, bool aligned) {
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  const std::int64_t per_sample = (each + 3) / 4, b = thread / per_sample, four = thread % per_sample;
  if (samples != nullptr) key.sample = samples[b];
  const FourOf<float> numbers = block(key, static_cast<std::uint32_t>(four));
  T* out = y + b * each + 4 * four;
  if (aligned) {
    struct alignas(sizeof(T) < 4 ? 4 * sizeof(T) : 16) Four {
      T values[4];
    };
    *reinterpret_cast<Four*>(out) = {static_cast<T>(numbers[0]), static_cast<T>(numbers[1]),
                                     static_cast<T>(numbers[2]), static_cast<T>(numbers[3])};
  } else {
    for (int k = 0; k < 4 && 4 * four + k < each; ++k) out[k] = static_cast<T>(numbers[k]);
  }
}

}  // namespace detail

template <>
struct RandomFillKernel<Cuda> {
  template <class T>
  static void normal(std::int64_t count, const RandomKey& key, T* y) {
    fill(detail::NormalBlock{}, 1, count, key, nullptr, y);
  }

  template <class T>
  static void uniform(std::int64_t count, const RandomKey& key, T* y) {
    fill(detail::UniformBlock{}, 1, count, key, nullptr, y);
  }

  template <class T>
  static void normal_per_sample(std::int64_t batch, std::int64_t each, const RandomKey& key,
                                const std::uint32_t* samples, T* y) {
    fill(detail::NormalBlock{}, batch, each, key, samples, y);
  }

 private:
  template <class Block, class T>
  static void fill(Block block, std::int64_t batch, std::int64_t each, const RandomKey& key,
                   const std::uint32_t* samples, T* y) {
    const std::int64_t threads = batch * ((each + 3) / 4);
    const bool aligned = reinterpret_cast<std::uintptr_t>(y) % 16 == 0 && each % 4 == 0;
    launch("random_fill", detail::random_fill_blocks<Block, T>, blocks_for(threads, 256), 256, 0, block,
           threads, each, key, samples, y, aligned);
  }
};

}  // namespace pixnerd
