// SPDX-License-Identifier: MIT
// The GPU's memory runs out while it trains and samples: weights stay as they were, and what comes next is as
// if nothing had happened.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>

#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/pixnerd.cuh>
#include <pixnerd/sampling/captured_model.hpp>
#include <pixnerd/train/train_step.hpp>

#if !defined(__CUDACC__)
#include "faults/allocations.hpp"
#endif

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_allocations)

namespace {

constexpr PixnerdC2iConfig config{
    .patch = 4, .width = 16, .heads = 2, .depth = 1, .decoder = {.depth = 1, .features = 8}, .classes = 4};

/// A data set without end.
struct Noise {
  std::int64_t next = 0, batch = 1;

  struct Batch {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };
  Batch operator()() {
    Batch out{Tensor<float>({batch, 3, 4, 8}), {}, {}};
    for (std::int64_t i = 0; i < batch; ++i, ++next) {
      fill_uniform(out.images.rows(i, i + 1), {5, RandomPurpose::test, static_cast<std::uint32_t>(next), 0});
      out.labels.push_back(next % 4);
      out.sample_ids.push_back(next);
    }
    return out;
  }
};

/// A model in training, of two batches a step, and what its steps leave.
template <class Precision>
struct Run {
  PixnerdC2i<On<Cuda, Precision>> model = make();
  ParameterStore<On<Cuda, Precision>> store{model};
  TrainOptions options;
  AdamW optimizer;
  bool too_much = false;  ///< the objective asks for more memory than there is

  explicit Run(bool capture) {
    store.start_average();
    store.start_state(optimizer);
    options.rate = 1e-3;
    options.clip_norm = 0.5;
    options.average_decay = 0.9;
    options.noising.null_label = {4};
    options.accumulation = 2;
    options.capture = capture;
  }

  static PixnerdC2i<On<Cuda, Precision>> make() {
    Initializer init(3);
    return {config, init};
  }

  /// The loss, and at its end what there is no memory for.
  auto objective() {
    return [this, flow = flow_matching_objective(model)](const auto& batch) {
      auto loss = flow(batch);
      if (too_much) (void)allocate_bytes<Cuda>(std::size_t{1} << 50);
      return loss;
    };
  }

  std::vector<float> bits() const {
    std::vector<float> out;
    for (const auto& slab : {store.weights(), store.state()["first_moments"], store.state()["second_moments"],
                             store.average()}) {
      const auto values = slab.to_host();
      out.insert(out.end(), values.begin(), values.end());
    }
    return out;
  }
};

bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Images in each batch of a step: two steps as they are, one recorded, one repeated, and then it begins
/// anew.
constexpr std::int64_t batches[] = {1, 1, 1, 1, 2, 2};
constexpr int steps = 6;

/// The weights, moments and averages before each step and after the last.
template <class Precision>
std::vector<std::vector<float>> undisturbed(bool capture) {
  Run<Precision> run(capture);
  auto objective = run.objective();
  TrainStepper stepper(run.store, run.optimizer, objective, run.options);
  TrainProgress state;
  std::vector<std::vector<float>> out{run.bits()};
  for (int step = 0; step < steps; ++step) {
    Noise data{state.samples, batches[step]};
    stepper(data, state);
    out.push_back(run.bits());
  }
  return out;
}

/// Takes all steps, of which number `disturbed` is begun with `disturb(run)`, which may keep it from being
/// taken, and taken again behind `calm(run)`, which returns whether it did anything.
template <class Precision, class Disturb, class Calm>
bool train_disturbed(const std::vector<std::vector<float>>& expected, bool capture, int disturbed,
                     Disturb disturb, Calm calm) {
  auto& pool = MemoryPool<Cuda>::instance();
  pool.trim();
  const auto before = pool.statistics();
  bool hit = false;
  {
    Run<Precision> run(capture);
    auto objective = run.objective();
    TrainStepper stepper(run.store, run.optimizer, objective, run.options);
    TrainProgress state;
    while (state.step < steps) {
      const auto step = static_cast<std::size_t>(state.step);
      Noise data{state.samples, batches[step]};
      if (state.step != disturbed || hit) {
        stepper(data, state);
        BOOST_TEST(equal_bits(run.bits(), expected[step + 1]));
        continue;
      }
      bool threw = false;
      disturb(run);
      try {
        stepper(data, state);
      } catch (const std::exception&) {
        threw = true;
      }
      hit = calm(run);
      BOOST_TEST(equal_bits(run.bits(), expected[threw ? step : step + 1]));
      BOOST_TEST(state.step == disturbed + (threw ? 0 : 1));
      if (!hit) break;
    }
  }
  pool.trim();
  BOOST_TEST(pool.statistics().in_use == before.in_use);
  BOOST_TEST(pool.statistics().held == before.held);
  return hit;
}

template <class Precision>
void check_large_requests() {
  for (const bool capture : {false, true}) {
    const auto expected = undisturbed<Precision>(capture);
    for (int disturbed = 0; disturbed < (capture ? 3 : 1); ++disturbed) {
      BOOST_TEST_CONTEXT("step " << disturbed << (capture ? ", recorded" : "")) {
        const bool hit = train_disturbed<Precision>(
            expected, capture, disturbed, [](auto& run) { run.too_much = true; },
            [](auto& run) { return std::exchange(run.too_much, false); });
        BOOST_TEST(hit);
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_step_that_asks_for_too_much) {
  check_large_requests<Full<float>>();
  check_large_requests<Mixed>();
}

#if !defined(__CUDACC__)

namespace {

constexpr int first_of_other_shape = 4;

/// Every allocation fails of one step, and with it all later ones or none.
template <class Precision>
void check_every_allocation(bool capture, int disturbed, int stride) {
  auto& gpu = emulation::Gpu::instance();
  const auto expected = undisturbed<Precision>(capture);
  for (const bool for_good : {false, true}) {
    int number = 0;
    for (bool more = true; more; number += stride) {
      BOOST_TEST_CONTEXT("step " << disturbed << (capture ? ", recorded" : "") << ", allocation " << number
                                 << (for_good ? " on" : "")) {
        more = train_disturbed<Precision>(
            expected, capture, disturbed,
            [&](auto&) {
              gpu.fail_allocation = number;
              gpu.fail_for_good = for_good;
              gpu.allocation_hit = false;
            },
            [&](auto&) {
              gpu.fail_allocation = -1;
              gpu.fail_for_good = false;
              return gpu.allocation_hit;
            });
      }
    }
    BOOST_TEST_MESSAGE("step " << disturbed << ": " << number << " allocations");
    if (disturbed == 0) BOOST_TEST(number > 40);
    if (disturbed == 2) BOOST_TEST(number > 2);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_allocation_of_a_step) {
  // The first step allocates nearly all; recording, the graph; a repeated one, nothing.
  check_every_allocation<Full<float>>(false, 0, 3);
  check_every_allocation<Mixed>(false, 0, 5);
  check_every_allocation<Full<float>>(true, 0, 6);
  check_every_allocation<Mixed>(true, 0, 7);
  for (const int step : {1, 2, 3}) check_every_allocation<Full<float>>(true, step, 1);
  for (const int step : {1, 2, 3}) check_every_allocation<Mixed>(true, step, 1);
  check_every_allocation<Full<float>>(true, first_of_other_shape, 4);
  check_every_allocation<Mixed>(true, first_of_other_shape, 9);
}

/// The host's memory runs out while it asks the GPU for work.
BOOST_AUTO_TEST_CASE(every_allocation_of_the_host) {
  test::Allocations::spares = [] { return emulation::depth > 0; };
  const auto expected = undisturbed<Mixed>(true);
  const std::pair<int, int> disturbances[] = {{0, 97}, {2, 59}, {3, 5}, {first_of_other_shape, 101}};
  for (const auto& [disturbed, stride] : disturbances) {
    for (const bool lasting : {false, true}) {
      int number = 0;
      for (bool more = true; more; number += stride) {
        BOOST_TEST_CONTEXT("step " << disturbed << ", allocation " << number << (lasting ? " on" : "")) {
          more = train_disturbed<Mixed>(
              expected, true, disturbed, [&](auto&) { test::Allocations::fail(number, lasting); },
              [&](auto&) { return test::Allocations::stop(); });
        }
      }
      BOOST_TEST_MESSAGE("step " << disturbed << ": " << number << " allocations");
    }
  }
}

BOOST_AUTO_TEST_CASE(every_allocation_of_sampling) {
  auto& gpu = emulation::Gpu::instance();
  Initializer init(3);
  const PixnerdC2i<On<Cuda>> model(config, init);
  const auto x = Tensor<float, Cuda>::full({1, 3, 4, 8}, 0.5f), t = Tensor<float, Cuda>::full({1}, 0.25f);
  const auto labels = Tensor<std::int64_t, Cuda>::full({1}, 1);
  const auto expected = model.forward(x, t, labels).to_host();
  for (int call = 0; call < 4; ++call) {
    bool more = true;
    for (int number = 0; more; number += 3) {
      BOOST_TEST_CONTEXT("call " << call << ", allocation " << number << " on") {
        MemoryPool<Cuda>::instance().trim();
        const CapturedModel replayed(model, labels);
        for (int before = 0; before < call; ++before) (void)replayed.forward(x, t, labels);
        gpu.fail_allocation = number;
        gpu.fail_for_good = true;
        gpu.allocation_hit = false;
        try {
          BOOST_TEST((replayed.forward(x, t, labels).to_host() == expected));
        } catch (const Error&) {
        }
        gpu.fail_allocation = -1;
        gpu.fail_for_good = false;
        more = gpu.allocation_hit;
        for (int after = 0; after < 4; ++after)
          BOOST_TEST((replayed.forward(x, t, labels).to_host() == expected));
      }
    }
  }
}

#endif

BOOST_AUTO_TEST_SUITE_END()
