// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <algorithm>

#include <pixnerd/cuda/graph_capture.cuh>
#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/ops/weighted_sum.cuh>
#include <pixnerd/sampling/captured_model.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_replayed_model)

namespace {

__global__ void shift_samples(std::int64_t count, std::int64_t each, const float* x, const float* t,
                              const std::int64_t* labels, float* y) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) y[i] = x[i] * t[i / each] + static_cast<float>(labels[i / each]);
}

/// x t + label, by way of memory of its own.
struct ToyModel {
  mutable int calls = 0;

  Tensor<float, Cuda> forward(const Tensor<float, Cuda>& x, const Tensor<float, Cuda>& t,
                              const Tensor<std::int64_t, Cuda>& labels, const NoTap&) const {
    ++calls;
    const Tensor<float, Cuda> y(x.shape());
    launch("toy", shift_samples, blocks_for(x.count(), 128), 128, 0, x.count(), x.count() / x.size(0),
           x.data(), t.data(), labels.data(), y.data());
    return weighted_sum<float, Cuda>({{1.0, y}});
  }
};

/// x + 100 n in the n-th size of images that it sees, from a table that it makes once for each, as models do.
struct ModelWithTables {
  mutable std::vector<Tensor<float, Cuda>> tables;

  Tensor<float, Cuda> forward(const Tensor<float, Cuda>& x, const Tensor<float, Cuda>&,
                              const Tensor<std::int64_t, Cuda>&, const NoTap&) const {
    auto table = std::find_if(tables.begin(), tables.end(),
                              [&](const auto& known) { return known.shape() == x.shape(); });
    if (table == tables.end()) {
      const auto next = static_cast<float>(100 * (tables.size() + 1));
      table = tables.insert(table, Tensor<float, Cuda>::full(x.shape(), next));
    }
    const auto twice = weighted_sum<float, Cuda>({{2.0, x}});
    return weighted_sum<float, Cuda>({{0.5, twice}, {1.0, *table}});
  }
};

Tensor<std::int64_t, Cuda> labels_of(std::int64_t first) {
  return Tensor<std::int64_t, Cuda>::from_host({2}, std::vector<std::int64_t>{first, first + 1});
}

}  // namespace

BOOST_AUTO_TEST_CASE(gives_what_the_model_gives) {
  const ToyModel model, plain;
  const CapturedModel replayed(model, labels_of(0));
  const Guidance guidance{.scale = 3, .lower = 0.3, .upper = 0.7};
  std::vector<Tensor<float, Cuda>> kept;
  std::vector<std::vector<float>> expected;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 8; ++i) {
      // Guided and unguided steps take turns: batches of 2 and of 4.
      const double t = i % 2 == 0 ? 0.1 * i / 8 : 0.5 + 0.02 * i;
      const auto x = Tensor<float, Cuda>::from_host(
          {2, 3, 4, 5}, detail::random_elements<float>(120, static_cast<std::uint32_t>(i)));
      const GuidedField field(replayed, labels_of(round), labels_of(7), guidance);
      const GuidedField reference(plain, labels_of(round), labels_of(7), guidance);
      kept.push_back(field(x, t));
      expected.push_back(reference(x, t).to_host());
    }
  }
  // Velocities of earlier steps stay what they were.
  for (std::size_t i = 0; i < kept.size(); ++i) BOOST_TEST((kept[i].to_host() == expected[i]), i);
  BOOST_TEST(model.calls == 6);
  BOOST_TEST(plain.calls == 16);
}

BOOST_AUTO_TEST_CASE(sizes_take_turns) {
  const ModelWithTables model;
  const CapturedModel replayed(model, labels_of(0));
  const auto t = Tensor<float, Cuda>::full({2}, 0.5f);
  const std::vector<Shape> sizes{{2, 3, 4, 5}, {2, 3, 5, 4}, {2, 3, 2, 10}};
  for (std::size_t seen = 1; seen <= sizes.size(); ++seen) {
    for (int i = 0; i < 5; ++i) {
      for (std::size_t n = 0; n < seen; ++n) {
        const auto x = Tensor<float, Cuda>::full(sizes[n], static_cast<float>(i));
        const float expected = static_cast<float>(i) + 100.0f * static_cast<float>(n + 1);
        for (const float value : replayed.forward(x, t, labels_of(0)).to_host())
          BOOST_TEST_REQUIRE(value == expected, "size " << n << " of " << seen << ", call " << i);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(calls_the_model_when_told_not_to_record) {
  const ToyModel model;
  const CapturedModel replayed(model, labels_of(0), false);
  const auto x = Tensor<float, Cuda>::full({2, 3}, 1.0f), t = Tensor<float, Cuda>::full({2}, 0.5f);
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(replayed.forward(x, t, labels_of(i)).to_host()[5] == 1.5f + static_cast<float>(i));
  BOOST_TEST(model.calls == 5);
}

BOOST_AUTO_TEST_SUITE_END()
