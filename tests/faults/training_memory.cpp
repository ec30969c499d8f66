// SPDX-License-Identifier: MIT
/// \file
/// Memory runs out at every allocation of training and sampling: what was whole stays so, nothing leaks, and
/// the next try does what one that was not disturbed does.
#include <cstring>
#include <vector>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/train/train_state.hpp>
#include <pixnerd/train/train_step.hpp>

#include "faults/allocations.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;
using test::equal_bits;
using test::fail_every_allocation;
using test::Noise;

BOOST_AUTO_TEST_SUITE(training_memory)

namespace {

const PixnerdC2iConfig tiny{
    .patch = 4, .width = 16, .heads = 2, .depth = 1, .decoder = {.depth = 1, .features = 8}, .classes = 4};
/// One whose products are cut into several tiles.
const PixnerdC2iConfig small{
    .patch = 4, .width = 48, .heads = 2, .depth = 2, .decoder = {.depth = 1, .features = 16}, .classes = 4};

/// A model that is being trained.
template <class Precision>
struct Run {
  PixnerdC2i<On<Cpu, Precision>> model;
  ParameterStore<On<Cpu, Precision>> store{model};
  TrainState state;

  explicit Run(const PixnerdC2iConfig& config) : model(make(config)) {
    store.start_average();
    store.start_state(AdamW{});
  }

  static PixnerdC2i<On<Cpu, Precision>> make(const PixnerdC2iConfig& config) {
    Initializer init(1);
    return {config, init};
  }

  std::vector<Tensor<float>> slabs() const {
    return {store.weights(), store.state()["first_moments"], store.state()["second_moments"],
            store.average()};
  }
  std::vector<float> bits() const {
    std::vector<float> out;
    for (const auto& slab : slabs()) out.insert(out.end(), slab.data(), slab.data() + slab.count());
    if constexpr (ParameterStore<On<Cpu, Precision>>::has_copies) {
      for (const bfloat16 value : store.copies().to_host()) out.push_back(static_cast<float>(value));
    }
    return out;
  }
  void put(const std::vector<float>& bits) {
    const float* from = bits.data();
    for (const auto& slab : slabs()) {
      std::copy_n(from, slab.count(), slab.data());
      from += slab.count();
    }
    store.refresh_copies();
  }
};

TrainOptions options_with(std::int64_t accumulation) {
  TrainOptions options;
  options.accumulation = accumulation;
  options.rate = 1e-3;
  options.average_decay = 0.9;
  options.clip_norm = 1;
  options.noising.null_label = {4};
  return options;
}

std::size_t memory_in_use() {
  return MemoryPool<Cpu>::instance().statistics().in_use;
}

template <class Precision>
void check_training(const PixnerdC2iConfig& config, std::int64_t side, int stride) {
  const auto options = options_with(2);
  const AdamW optimizer;
  const auto data_from = [side](const TrainState& state) { return Noise(2, state.samples, {3, side, side}); };
  std::vector<std::vector<float>> expected;
  {
    Run<Precision> run(config);
    expected.push_back(run.bits());
    const auto objective = flow_matching_objective(run.model);
    auto data = data_from(run.state);
    for (int step = 1; step <= 2; ++step) {
      train_step(run.store, optimizer, objective, data, options, run.state);
      expected.push_back(run.bits());
    }
  }
  Run<Precision> run(config);
  const auto objective = flow_matching_objective(run.model);
  TrainStepper stepper(run.store, optimizer, objective, options);
  std::size_t in_use = 0;
  const int times = fail_every_allocation(
      [&] {
        auto data = data_from(run.state);
        stepper(data, run.state);
      },
      [&](bool threw) {
        // As if the step had not been, or it has been done.
        BOOST_TEST(run.state.step == (threw ? 0 : 1));
        BOOST_TEST(equal_bits(run.bits(), expected[threw ? 0 : 1]));
        while (run.state.step < 2) {
          auto data = data_from(run.state);
          stepper(data, run.state);
        }
        BOOST_TEST(equal_bits(run.bits(), expected[2]));
        if (in_use == 0) in_use = memory_in_use();
        BOOST_TEST(memory_in_use() == in_use);
        run.put(expected[0]);
        run.state = {};
        MemoryPool<Cpu>::instance().trim();  // the pool asks the system again
      },
      stride);
  BOOST_TEST_MESSAGE(times << " times");
  BOOST_TEST(times > 50);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_step) {
  set_thread_count(1);
  check_training<Full<float>>(tiny, 8, 1);
  check_training<Mixed>(tiny, 8, 1);
}

BOOST_AUTO_TEST_CASE(a_step_on_several_threads) {
  set_thread_count(3);
  check_training<Full<float>>(small, 16, 11);
  check_training<Mixed>(small, 16, 17);
  set_thread_count(1);
}

BOOST_AUTO_TEST_CASE(a_stepper_and_its_step) {
  Run<Full<float>> run(tiny), other(tiny);
  const auto options = options_with(1);
  const auto objective = flow_matching_objective(run.model),
             other_objective = flow_matching_objective(other.model);
  const auto before = run.bits();
  Noise data(2, 0, {3, 8, 8});
  train_step(other.store, AdamW{}, other_objective, data, options, other.state);
  const auto after = other.bits();
  std::size_t in_use = 0;
  fail_every_allocation(
      [&] {
        Noise same(2, 0, {3, 8, 8});
        train_step(run.store, AdamW{}, objective, same, options, run.state);
      },
      [&](bool threw) {
        BOOST_TEST(equal_bits(run.bits(), threw ? before : after));
        run.put(before);
        // The model keeps tables once they are made.
        (void)run.model.forward(Tensor<float>::zeros({1, 3, 8, 8}), Tensor<float>::zeros({1}),
                                Tensor<std::int64_t>::zeros({1}));
        if (in_use == 0) in_use = memory_in_use();
        BOOST_TEST(memory_in_use() == in_use);
        run.state = {};
        MemoryPool<Cpu>::instance().trim();
      });
}

/// A store that could not be made leaves a model that computes what it did.
BOOST_AUTO_TEST_CASE(a_store) {
  const auto in_use = memory_in_use();
  {
    const Tensor<float> x = Tensor<float>::full({2, 7}, 0.5f);
    const test::TinyModel model(1);
    const auto expected = model(x).to_host();
    fail_every_allocation(
        [&] {
          test::TinyModel fresh = model;
          test::Store store(fresh);
          store.start_average();
          (void)store.averaged(fresh);
        },
        [&](bool) { BOOST_TEST((model(x).to_host() == expected)); });
    test::TinyModel fresh(1);
    fail_every_allocation([&] { test::Store store(fresh); },
                          [&](bool) {
                            BOOST_TEST((fresh(x).to_host() == expected));
                            MemoryPool<Cpu>::instance().trim();
                          });
  }
  BOOST_TEST(memory_in_use() == in_use);
}

BOOST_AUTO_TEST_CASE(sampling) {
  Initializer init(1);
  const PixnerdC2i<On<Cpu>> model(tiny, init);
  const auto labels = Tensor<std::int64_t>::full({2}, 1), no_class = Tensor<std::int64_t>::full({2}, 4);
  Tensor<float> noise({2, 3, 8, 8}), images;
  fill_normal(noise, {3, RandomPurpose::test, 0, 0});
  const auto draw = [&] {
    const GuidedField field(model, labels, no_class, {.scale = 3});
    images = integrate(Heun{}, field, noise, TimeGrid(3)).x;
  };
  draw();
  const auto expected = images.to_host();
  const auto in_use = memory_in_use();
  fail_every_allocation(draw, [&](bool) {
    BOOST_TEST((images.to_host() == expected));
    BOOST_TEST(memory_in_use() == in_use);
    MemoryPool<Cpu>::instance().trim();
  });
}

BOOST_AUTO_TEST_SUITE_END()
