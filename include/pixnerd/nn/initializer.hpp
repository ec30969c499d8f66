// SPDX-License-Identifier: MIT
/// \file
/// Random initial values of parameters.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/random.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// Makes parameters: leaves with initial values that depend on the seed and on how many were made before.
class Initializer {
 public:
  explicit Initializer(std::uint64_t seed) : seed_(seed) {}

  /// Makes parameters that have a shape but no memory, to look at a model's names and sizes without building
  /// it.
  static Initializer shapes_only() {
    Initializer init(0);
    init.shapes_only_ = true;
    return init;
  }

  /// Makes parameters with memory but without values, for whoever sets all of them at once: from a file, say.
  static Initializer unset() {
    Initializer init(0);
    init.unset_ = true;
    return init;
  }

  /// Uniform on [-bound, bound).
  template <class T, class Device>
  Tensor<T, Device> uniform(const Shape& shape, double bound) {
    return make<T, Device>(shape, [bound](const RandomKey& key, std::uint32_t block, T* out, int count) {
      const RandomWords words = random_words(key, block);
      for (int i = 0; i < count; ++i) {
        out[i] = static_cast<T>(static_cast<float>(bound) * (2.0f * uniform_from_word(words[i]) - 1.0f));
      }
    });
  }

  /// Normal with mean 0 and the given deviation.
  template <class T, class Device>
  Tensor<T, Device> normal(const Shape& shape, double deviation) {
    return make<T, Device>(shape, [deviation](const RandomKey& key, std::uint32_t block, T* out, int count) {
      const FourOf<float> normals = random_normals(key, block);
      for (int i = 0; i < count; ++i) out[i] = static_cast<T>(static_cast<float>(deviation) * normals[i]);
    });
  }

  template <class T, class Device>
  Tensor<T, Device> constant(const Shape& shape, double value) {
    return make<T, Device>(shape, [value](const RandomKey&, std::uint32_t, T* out, int count) {
      std::fill_n(out, count, static_cast<T>(static_cast<float>(value)));
    });
  }

 private:
  /// fill(key, block, out, count) sets elements [4 * block, 4 * block + count).
  template <class T, class Device, class Fill>
  Tensor<T, Device> make(const Shape& shape, Fill fill) {
    const RandomKey key{seed_, RandomPurpose::initialization, next_++, 0};
    if (shapes_only_) return Tensor<T, Device>({}, nullptr, shape);
    if (unset_) {
      Tensor<T, Device> parameter(shape);
      require_grad(parameter);
      return parameter;
    }
    std::vector<T> values(static_cast<std::size_t>(shape.count()));
    const auto count = static_cast<std::int64_t>(values.size());
    parallel_ranges((count + 3) / 4, 4096, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        const int here = static_cast<int>(std::min<std::int64_t>(4, count - 4 * block));
        fill(key, static_cast<std::uint32_t>(block), values.data() + 4 * block, here);
      }
    });
    auto parameter = Tensor<T, Device>::from_host(shape, values);
    require_grad(parameter);
    return parameter;
  }

  std::uint64_t seed_;
  std::uint32_t next_ = 0;
  bool shapes_only_ = false;
  bool unset_ = false;
};

}  // namespace pixnerd
