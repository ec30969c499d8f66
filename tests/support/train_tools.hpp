// SPDX-License-Identifier: MIT
// Shared by tests of training: a tiny model, and the bits of a store.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/ops/silu.hpp>
#include <pixnerd/optim/adamw.hpp>

namespace pixnerd::test {

using Store = ParameterStore<On<Cpu>>;

/// Two layers with odd sizes.
struct TinyModel {
  Linear<On<Cpu>> first, second;

  explicit TinyModel(std::uint64_t seed) : TinyModel(Initializer(seed)) {}
  explicit TinyModel(Initializer init) : first(7, 13, init), second(13, 5, init, false) {}

  Tensor<float> operator()(const Tensor<float>& x) const { return second(silu(first(x))); }

  static void visit(auto& self, auto&& visitor) {
    visitor("first", self.first);
    visitor("second", self.second);
  }
};

/// Everything that a checkpoint saves of a store.
inline std::vector<float> bits_of(const Store& store) {
  std::vector<float> out;
  for (const auto& slab :
       {store.weights(), store.state()["first_moments"], store.state()["second_moments"], store.average()}) {
    const auto values = slab.to_host();
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

inline bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Fills the parameters' parts of every slab, those of AdamW's state included, with numbers that depend on
/// the seed.
inline void fill_store(Store& store, std::uint64_t seed) {
  store.start_state(AdamW{});
  std::uint32_t stream = 0;
  for (const auto& slab :
       {store.weights(), store.state()["first_moments"], store.state()["second_moments"], store.average()}) {
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

/// An endless dataset: images and labels are functions of the sample's index, as for a loader.
class Noise {
 public:
  struct Batch {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };

  explicit Noise(std::int64_t batch, std::int64_t start = 0, Shape image = {3, 16, 16},
                 std::int64_t classes = 4)
      : batch_(batch), next_(start), image_(image), classes_(classes) {}

  Batch operator()() {
    Batch out{Tensor<float>({batch_, image_[0], image_[1], image_[2]}), {}, {}};
    for (std::int64_t i = 0; i < batch_; ++i, ++next_) {
      const auto id = static_cast<std::uint32_t>(next_);
      fill_uniform(out.images.rows(i, i + 1), {5, RandomPurpose::test, id, 0});
      out.labels.push_back(next_ % classes_);
      out.sample_ids.push_back(next_);
    }
    return out;
  }

 private:
  std::int64_t batch_, next_;
  Shape image_;
  std::int64_t classes_;
};

/// A class-conditional model whose layers are cut into several tiles, yet small.
inline PixnerdC2i<On<Cpu>> small_pixnerd(std::uint64_t seed) {
  Initializer init(seed);
  return {{.patch = 4,
           .width = 48,
           .heads = 2,
           .depth = 2,
           .decoder = {.depth = 1, .features = 16},
           .classes = 4},
          init};
}

}  // namespace pixnerd::test
