// SPDX-License-Identifier: MIT
#include "compare.cuh"

#include <algorithm>
#include <cstring>

#include <pixnerd/train/train_step.hpp>

#include "toy_training.cuh"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(cuda_train_step)

namespace {

/// AdamW for those who know the factor only on the host.
struct OnHost {
  static constexpr auto state_names = AdamW::state_names;
  void update(ParameterStore<On<Cuda>>& store, const UpdateSettings& settings) const {
    AdamW{}.update(store, settings);
  }
};

/// What a training leaves: weights, moments, averages, and each step's loss and norm.
struct Outcome {
  std::vector<float> slabs;
  std::vector<double> reports;
  int calls = 0;

  bool operator==(const Outcome& other) const {
    return slabs.size() == other.slabs.size() && reports == other.reports &&
           std::memcmp(slabs.data(), other.slabs.data(), slabs.size() * sizeof(float)) == 0;
  }
};

template <class AnOptimizer = AdamW>
Outcome run_training(const TrainOptions& options, const AnOptimizer& optimizer = {}, Noise data = {}) {
  ToyModel model;
  ParameterStore<On<Cuda>> store(model);
  store.start_average();
  ToyObjective objective{model};
  TrainProgress state;
  Outcome out;
  TrainStepper take_step(store, optimizer, objective, options);
  while (state.step < options.steps) {
    const StepReport report = take_step(data, state);
    out.reports.insert(out.reports.end(), {report.loss, report.grad_norm, report.rate});
  }
  for (const auto& slab :
       {store.weights(), store.state()["first_moments"], store.state()["second_moments"], store.average()}) {
    const auto values = slab.to_host();
    out.slabs.insert(out.slabs.end(), values.begin(), values.end());
  }
  out.calls = objective.calls;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_recorded_step_is_the_step) {
  for (const std::int64_t accumulation : {1, 2, 4}) {
    auto options = toy_options();
    options.accumulation = accumulation;
    const auto recorded = run_training(options), again = run_training(options);
    const auto on_host = run_training(options, OnHost{});
    options.capture = false;
    const auto eager = run_training(options);
    BOOST_TEST((recorded == eager));
    BOOST_TEST((recorded == again));
    BOOST_TEST((recorded == on_host));
    BOOST_TEST(eager.calls == 12 * accumulation);
    BOOST_TEST(recorded.calls == (accumulation == 1 ? 3 : 6));
    BOOST_TEST(recorded.reports.back() > 0);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_named_and_changes_nothing) {
  ToyModel model;
  ParameterStore<On<Cuda>> store(model);
  store.start_average();
  ToyObjective objective{model};
  auto options = toy_options();
  options.accumulation = 2;
  const AdamW optimizer;
  TrainStepper stepper(store, optimizer, objective, options);
  TrainProgress state;
  Noise data;
  // In an eager step, in the one that is recorded, and in a repeated one.
  for (const std::int64_t good_steps : {1, 1, 4}) {
    for (std::int64_t i = 0; i < good_steps; ++i) stepper(data, state);
    const auto weights = store.weights().to_host(), average = store.average().to_host();
    Noise poisoned{state.samples, 4, state.samples + 6};
    BOOST_CHECK_EXCEPTION(stepper(poisoned, state), NonFiniteError, [&](const auto& error) {
      return std::string(error.what()) == str_cat("[step ", state.step + 1,
                                                  "] expected finite pixels, got inf in sample ",
                                                  state.samples + 6);
    });
    BOOST_TEST((store.weights().to_host() == weights));
    BOOST_TEST((store.average().to_host() == average));
    data.next = state.samples;
  }
  // A weight.
  copy_into(store.weights().rows(3, 4), Tensor<float, Cuda>::full({1}, std::nanf("")));
  BOOST_CHECK_EXCEPTION(stepper(data, state), NonFiniteError, [&](const auto& error) {
    return std::string(error.what()).find("weight of factor, got nan in its element 3") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(outliers_are_skipped_where_the_gradients_are) {
  auto options = toy_options();
  options.steps = 30;
  options.skip_outliers = 5;
  const Noise data{0, 4, -1, {4 * 23 + 1, 4 * 27}};
  const auto recorded = run_training(options, AdamW{}, data);
  BOOST_TEST((recorded == run_training(options, OnHost{}, data)));
  options.capture = false;
  BOOST_TEST((recorded == run_training(options, AdamW{}, data)));
  options.skip_outliers = 0;
  const auto without = run_training(options, AdamW{}, data);
  BOOST_TEST(!(recorded == without));
  options.skip_outliers = 1e9;
  BOOST_TEST((run_training(options, AdamW{}, data) == without));

  // A step that is skipped leaves all as it was.
  ToyModel model;
  ParameterStore<On<Cuda>> store(model);
  store.start_average();
  ToyObjective objective{model};
  options.skip_outliers = 5;
  options.capture = true;
  const AdamW optimizer;
  TrainStepper stepper(store, optimizer, objective, options);
  TrainProgress state;
  Noise same = data;
  for (std::int64_t step = 1; step <= 30; ++step) {
    const auto weights = store.weights().to_host(), moments = store.state()["second_moments"].to_host(),
               average = store.average().to_host();
    const auto report = stepper(same, state);
    BOOST_TEST(report.skipped == (step == 24 || step == 28));
    BOOST_TEST((store.weights().to_host() == weights) == report.skipped);
    BOOST_TEST((store.state()["second_moments"].to_host() == moments) == report.skipped);
    BOOST_TEST((store.average().to_host() == average) == report.skipped);
  }
  BOOST_TEST(state.skipped == 2);
}

BOOST_AUTO_TEST_CASE(batches_of_other_shapes_begin_anew) {
  const auto run = [](bool capture) {
    ToyModel model;
    ParameterStore<On<Cuda>> store(model);
    ToyObjective objective{model};
    auto options = toy_options();
    options.capture = capture;
    const AdamW optimizer;
    TrainStepper stepper(store, optimizer, objective, options);
    TrainProgress state;
    Noise data;
    for (const std::int64_t batch : {4, 4, 4, 4, 2, 2, 2, 2, 5, 4}) {
      data.batch = batch;
      stepper(data, state);
    }
    return store.weights().to_host();
  };
  BOOST_TEST((run(true) == run(false)));
}

BOOST_AUTO_TEST_CASE(a_steady_state_allocates_nothing) {
  ToyModel model;
  ParameterStore<On<Cuda>> store(model);
  ToyObjective objective{model};
  const auto options = toy_options();
  const AdamW optimizer;
  TrainStepper stepper(store, optimizer, objective, options);
  TrainProgress state;
  Noise data;
  for (int i = 0; i < 4; ++i) stepper(data, state);
  const auto before = MemoryPool<Cuda>::instance().statistics();
  for (int i = 0; i < 4; ++i) stepper(data, state);
  const auto after = MemoryPool<Cuda>::instance().statistics();
  if (std::getenv("PIXNERD_TEST_EXACT_MEMORY") == nullptr)
    BOOST_TEST(after.system_allocations == before.system_allocations);
  BOOST_TEST(after.in_use == before.in_use);
}

BOOST_AUTO_TEST_SUITE_END()
