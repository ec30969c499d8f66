// What the tests of training share: a tiny model, and the bits of a store.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/silu.hpp>
#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd::test {

using Store = ParameterStore<Full<float>, Cpu>;

/// Two layers with odd sizes.
struct TinyModel {
  Linear<Cpu> first, second;

  explicit TinyModel(std::uint64_t seed) : TinyModel(Initializer(seed)) {}
  explicit TinyModel(Initializer init) : first(7, 13, init), second(13, 5, init, false) {}

  Tensor<float> operator()(const Tensor<float>& x) const { return second(silu(first(x))); }

  static void visit(auto& self, auto&& visitor) {
    visitor("first", self.first);
    visitor("second", self.second);
  }
};

/// All that a checkpoint keeps of a store.
inline std::vector<float> bits_of(const Store& store) {
  std::vector<float> out;
  for (const auto& slab : {store.weights(), store.first_moments(), store.second_moments(), store.average()}) {
    const auto values = slab.to_host();
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

inline bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Fills the parameters' parts of every slab with numbers that depend on the seed.
inline void fill_store(Store& store, std::uint64_t seed) {
  std::uint32_t stream = 0;
  for (const auto& slab : {store.weights(), store.first_moments(), store.second_moments(), store.average()}) {
    ++stream;
    for (const auto& entry : store.entries()) {
      if (!slab.defined() || entry.offset >= slab.count()) continue;
      const auto part = store.part(slab, entry);
      for (std::int64_t i = 0; i < part.count(); ++i) {
        const auto element = static_cast<std::uint64_t>(entry.offset + i);
        part.data()[i] = random_normal({seed, RandomPurpose::test, stream, 0}, element);
      }
    }
  }
}

}  // namespace pixnerd::test
