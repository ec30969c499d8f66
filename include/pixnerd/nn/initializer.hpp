/// \file
/// Random initial values of parameters.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/random.hpp>

namespace pixnerd {

/// Makes parameters: leaves with initial values that depend on the seed and on how many were made before.
class Initializer {
 public:
  explicit Initializer(std::uint64_t seed) : seed_(seed) {}

  /// Uniform on [-bound, bound).
  template <class T, class Device>
  Tensor<T, Device> uniform(const Shape& shape, double bound) {
    return make<T, Device>(shape, [&](const RandomKey& key, std::uint64_t i) {
      return bound * (2.0 * random_uniform(key, i) - 1.0);
    });
  }

  /// Normal with mean 0 and the given deviation.
  template <class T, class Device>
  Tensor<T, Device> normal(const Shape& shape, double deviation) {
    return make<T, Device>(
        shape, [&](const RandomKey& key, std::uint64_t i) { return deviation * random_normal(key, i); });
  }

  template <class T, class Device>
  Tensor<T, Device> constant(const Shape& shape, double value) {
    return make<T, Device>(shape, [&](const RandomKey&, std::uint64_t) { return value; });
  }

 private:
  template <class T, class Device, class Value>
  Tensor<T, Device> make(const Shape& shape, Value value) {
    const RandomKey key{seed_, RandomPurpose::initialization, next_++, 0};
    std::vector<T> values(static_cast<std::size_t>(shape.count()));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<T>(static_cast<float>(value(key, i)));
    auto parameter = Tensor<T, Device>::from_host(shape, values);
    require_grad(parameter);
    return parameter;
  }

  std::uint64_t seed_;
  std::uint32_t next_ = 0;
};

}  // namespace pixnerd
