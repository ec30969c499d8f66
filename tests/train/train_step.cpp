// SPDX-License-Identifier: MIT
#include <pixnerd/train/train_step.hpp>

#include <limits>

#include <pixnerd/ops/reduce.hpp>
#include <pixnerd/optim/adamw.hpp>
#include "support/files.hpp"
#include "support/support.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(training_step)

namespace {

using test::bits_of;
using test::equal_bits;
using test::Noise;
using test::small_pixnerd;
using test::Store;

TrainOptions small_options() {
  TrainOptions options;
  options.rate = 1e-3;
  options.average_decay = 0.9;
  options.clip_norm = 1;
  options.noising.null_label = {4};
  return options;
}

/// A model, its store and where its training stands.
struct Run {
  PixnerdC2i<On<Cpu>> model = small_pixnerd(1);
  Store store{model};
  TrainProgress state;

  Run() {
    store.start_average();
    store.start_state(AdamW{});
  }

  template <class NextBatch>
  StepReport step(NextBatch&& next_batch, const TrainOptions& options) {
    const auto objective = flow_matching_objective(model);
    return train_step(store, AdamW{}, objective, next_batch, options, state);
  }
};

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// An optimizer that is told the scale of the gradients on the host.
struct OnHost {
  static constexpr auto state_names = AdamW::state_names;
  int* calls;

  void update(Store& store, const UpdateSettings& settings) const {
    ++*calls;
    BOOST_TEST(settings.gradient_scale < 1);
    AdamW{}.update(store, settings);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(is_what_its_parts_are) {
  Run run, by_hand;
  const auto options = small_options();
  for (std::int64_t step = 1; step <= 3; ++step) {
    const auto data = Noise(5, 5 * (step - 1))();
    const auto report = run.step(Noise(5, 5 * (step - 1)), options);

    const auto batch =
        draw_training_batch<float, Cpu>(data, options.noising, 0, static_cast<std::uint32_t>(step));
    by_hand.store.zero_grad();
    Tape tape;
    const auto loss = flow_matching_objective(by_hand.model)(batch);
    tape.backward(loss);
    const double norm = grad_norm(by_hand.store, step);
    AdamW{}.update(by_hand.store, {step, 1e-3, clip_scale(norm, 1), 0.9});

    BOOST_TEST(report.step == step);
    BOOST_TEST(report.loss == static_cast<double>(loss.item()));
    BOOST_TEST(report.grad_norm == norm);
    BOOST_TEST(report.rate == 1e-3);
    BOOST_TEST(run.state.step == step);
    BOOST_TEST(run.state.samples == 5 * step);
    BOOST_TEST(equal_bits(bits_of(run.store), bits_of(by_hand.store)));
  }
}

BOOST_AUTO_TEST_CASE(accumulation_is_a_larger_batch) {
  Run whole, parts;
  auto options = small_options();
  Noise whole_data(8), parts_data(2);
  for (int step = 0; step < 3; ++step) {
    options.accumulation = 1;
    const auto a = whole.step(whole_data, options);
    options.accumulation = 4;
    const auto b = parts.step(parts_data, options);
    BOOST_TEST(std::abs(a.loss - b.loss) < 1e-6 * a.loss);
    BOOST_TEST(std::abs(a.grad_norm - b.grad_norm) < 1e-5 * a.grad_norm);
    BOOST_TEST(parts.state.samples == whole.state.samples);
    // Compared before Adam's division blows up the rounding of vanishing gradients.
    BOOST_TEST(relative_error(parts.store.gradients().to_host(), whole.store.gradients().to_host()) < 2e-5);
    copy_into(parts.store.weights(), whole.store.weights());
  }
}

BOOST_AUTO_TEST_CASE(learns) {
  Run run;
  auto options = small_options();
  options.rate = 3e-3;
  const auto same = Noise(4)();
  const auto next_batch = [&] {
    auto data = same;
    for (auto& id : data.sample_ids) id += run.state.samples;
    return data;
  };
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    const double loss = run.step(next_batch, options).loss;
    (step < 10 ? first : last) += step < 10 || step >= 50 ? loss / 10 : 0;
  }
  BOOST_TEST(last < 0.75 * first);
}

BOOST_AUTO_TEST_CASE(helpers_learn_with_the_model) {
  auto model = small_pixnerd(1);
  Initializer init(2);
  Linear<On<Cpu>> helper(3, 3, init);
  Store store(model, helper, "helper");
  store.start_average();
  const auto before = helper.weight.to_host();
  const auto objective = [&](const auto& batch) {
    const auto flow = flow_matching_objective(model)(batch);
    return add(flow, mean(helper(Tensor<float>::full({2, 3}, 1.0f))));
  };
  TrainProgress state;
  Noise data(2);
  const auto report = train_step(store, AdamW{}, objective, data, small_options(), state);
  BOOST_TEST(helper.weight.data()[0] < before[0]);
  BOOST_TEST(report.grad_norm > 0.5);  // the helper's part alone: 12 gradients of 1/3 and more
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_stops_before_anything_changes) {
  const auto options = small_options();
  const auto fails = [&](Run& run, auto&& next_batch, const std::vector<std::string>& words) {
    const auto before = bits_of(run.store);
    test::check_throws<NonFiniteError>([&] { run.step(next_batch, options); }, words);
    BOOST_TEST(equal_bits(bits_of(run.store), before));
    BOOST_TEST(run.state.step == 1);
    BOOST_TEST(run.state.samples == 2);
  };
  {  // a weight
    Run run;
    run.step(Noise(2), options);
    const auto& entry = run.store.entries()[5];
    run.store.part(run.store.weights(), entry).data()[3] = not_a_number;
    fails(run, Noise(2, 2), {"[step 2]", "weight of " + entry.name, "nan", "element 3"});
  }
  {  // a pixel
    Run run;
    run.step(Noise(2), options);
    const auto poisoned = [] {
      auto data = Noise(2, 2)();
      data.images.rows(1, 2).data()[17] = std::numeric_limits<float>::infinity();
      return data;
    };
    fails(run, poisoned, {"[step 2] expected finite pixels, got inf in sample 3"});
    // The run goes on with data that are finite.
    BOOST_TEST(run.step(Noise(2, 2), options).step == 2);
  }
  {  // pixels so large that their squares overflow
    Run run;
    run.step(Noise(2), options);
    const auto huge = [] {
      auto data = Noise(2, 2)();
      data.images.data()[0] = 1e30f;
      return data;
    };
    fails(run, huge, {"[step 2] expected a finite loss, got inf"});
  }
  {  // a gradient of a finite loss
    Run run;
    run.step(Noise(2), options);
    const auto before = bits_of(run.store);
    const auto objective = [&](const auto& batch) {
      auto loss = flow_matching_objective(run.model)(batch);
      Tensor<float> poisoned = copy(loss.detach());
      record(poisoned,
             [loss](const Tensor<float>&) { loss.slot()->template target<float>().put(0, not_a_number); });
      return poisoned;
    };
    Noise data(2, 2);
    test::check_throws<NonFiniteError>(
        [&] { train_step(run.store, AdamW{}, objective, data, options, run.state); },
        {"[step 2]", "gradient of " + run.store.entries()[0].name, "nan"});
    BOOST_TEST(equal_bits(bits_of(run.store), before));
    BOOST_TEST(run.state.step == 1);
  }
}

BOOST_AUTO_TEST_CASE(outliers_are_skipped) {
  auto options = small_options();
  options.skip_outliers = 3;
  Run run, other;
  const auto outlier = [](std::int64_t sample) {
    auto data = Noise(2, sample)();
    data.images.data()[0] = 1e4f;
    return data;
  };
  auto without = options;
  without.skip_outliers = 0;
  for (int step = 0; step < 20; ++step) {
    Noise data(2, run.state.samples), same(2, run.state.samples);
    const auto report = run.step(data, options);
    other.step(same, without);
    BOOST_TEST(!report.skipped);
    BOOST_TEST(std::isinf(report.norm_limit));
  }
  BOOST_TEST(equal_bits(bits_of(run.store), bits_of(other.store)));
  // Now it is known what norms are like.
  const double mean = run.state.grad_norm.mean;
  const auto before = bits_of(run.store);
  const auto skipped = run.step([&] { return outlier(40); }, options);
  BOOST_TEST(skipped.skipped);
  BOOST_TEST(skipped.norm_limit == 3 * mean);
  BOOST_TEST(skipped.grad_norm > 3 * mean);
  BOOST_TEST(equal_bits(bits_of(run.store), before));
  BOOST_TEST(run.state.step == 21);
  BOOST_TEST(run.state.skipped == 1);
  BOOST_TEST(run.state.samples == 42);
  BOOST_TEST(std::abs(run.state.grad_norm.mean - (20 * mean + 3 * mean) / 21) < 1e-12 * mean);
  BOOST_TEST(run.state.loss.count == 20);
  // The next update is number 21, with the numbers of step 22.
  const auto data = Noise(2, 42)();
  const auto next = run.step([&] { return data; }, options);
  BOOST_TEST(next.step == 22);
  const auto batch = draw_training_batch<float, Cpu>(data, options.noising, 0, 22);
  other.store.zero_grad();
  {
    Tape tape;
    tape.backward(flow_matching_objective(other.model)(batch));
  }
  AdamW{}.update(other.store, {21, next.rate, clip_scale(next.grad_norm, options.clip_norm), 0.9});
  BOOST_TEST(equal_bits(bits_of(run.store), bits_of(other.store)));
  // What lasts is followed: norms that stay that high are no outliers forever.
  int steps = 0;
  while (run.step([&] { return outlier(run.state.samples); }, options).skipped)
    BOOST_TEST_REQUIRE(++steps < 2000);
  BOOST_TEST(steps > 1);
  // What is not finite is an error, not an outlier.
  const auto infinite = [&] {
    auto bad = Noise(2, run.state.samples)();
    bad.images.data()[3] = std::numeric_limits<float>::infinity();
    return bad;
  };
  test::check_throws<NonFiniteError>([&] { run.step(infinite, options); }, {"inf in sample"});
}

BOOST_AUTO_TEST_CASE(a_stepper_that_stays_takes_the_same_steps) {
  Run once, kept;
  auto options = small_options();
  options.accumulation = 2;
  const AdamW optimizer;
  auto objective = flow_matching_objective(kept.model);
  TrainStepper stepper(kept.store, optimizer, objective, options);
  // Batches of other sizes on the way.
  std::int64_t sizes[] = {3, 3, 2, 5, 3};
  for (const std::int64_t size : sizes) {
    Noise data(size, once.state.samples), same(size, once.state.samples);
    const auto a = once.step(data, options);
    const auto b = stepper(same, kept.state);
    BOOST_TEST(a.loss == b.loss);
    BOOST_TEST(a.grad_norm == b.grad_norm);
    BOOST_TEST(equal_bits(bits_of(once.store), bits_of(kept.store)));
  }
  // A batch that is not finite, the second of its step, changes nothing, and the next step is as if it had
  // not been.
  const auto before = bits_of(kept.store);
  int batch = 0;
  Noise data(3, kept.state.samples);
  const auto poisoned = [&] {
    auto out = data();
    if (++batch == 2) out.images.rows(2, 3).data()[5] = not_a_number;
    return out;
  };
  const auto third = str_cat("nan in sample ", kept.state.samples + 5);
  test::check_throws<NonFiniteError>([&] { stepper(poisoned, kept.state); }, {"[step 6]", third});
  BOOST_TEST(equal_bits(bits_of(kept.store), before));
  Noise again(3, kept.state.samples), same(3, kept.state.samples);
  once.step(same, options);
  stepper(again, kept.state);
  BOOST_TEST(equal_bits(bits_of(once.store), bits_of(kept.store)));
}

BOOST_AUTO_TEST_CASE(optimizers_may_know_their_factor_on_the_host_only) {
  static_assert(!OptimizerOnDevice<OnHost, Store>);
  Run run, other;
  auto options = small_options();
  options.clip_norm = 0.1;
  const auto objective = flow_matching_objective(other.model);
  int calls = 0;
  for (int step = 0; step < 3; ++step) {
    Noise data(3, run.state.samples), same(3, run.state.samples);
    run.step(data, options);
    train_step(other.store, OnHost{&calls}, objective, same, options, other.state);
  }
  BOOST_TEST(calls == 3);
  BOOST_TEST(equal_bits(bits_of(run.store), bits_of(other.store)));
  const auto poisoned = [&] {
    auto out = Noise(3, 9)();
    out.images.data()[5] = not_a_number;
    return out;
  };
  test::check_throws<NonFiniteError>(
      [&] { train_step(other.store, OnHost{&calls}, objective, poisoned, options, other.state); }, {"nan"});
  BOOST_TEST(calls == 3);
}

BOOST_AUTO_TEST_CASE(mixed_precision_learns) {
  Initializer init(1), same(1);
  const PixnerdC2iConfig config{
      .patch = 4, .width = 48, .heads = 2, .depth = 2, .decoder = {.depth = 1, .features = 16}, .classes = 4};
  PixnerdC2i<On<Cpu, Mixed>> mixed(config, init);
  PixnerdC2i<On<Cpu>> full(config, same);
  ParameterStore<On<Cpu, Mixed>> mixed_store(mixed);
  Store full_store(full);
  auto options = small_options();
  options.rate = 3e-3;
  TrainProgress mixed_state, full_state;
  const auto mixed_objective = flow_matching_objective(mixed);
  const auto full_objective = flow_matching_objective(full);
  double loss = 0;
  for (int step = 0; step < 30; ++step) {
    Noise data(4, mixed_state.samples), again(4, full_state.samples);
    const auto a = train_step(mixed_store, AdamW{}, mixed_objective, data, options, mixed_state);
    const auto b = train_step(full_store, AdamW{}, full_objective, again, options, full_state);
    if (step == 0) BOOST_TEST(std::abs(a.loss - b.loss) < 0.01 * b.loss);
    if (step >= 20) loss += (a.loss - b.loss) / (10 * b.loss);
  }
  BOOST_TEST(std::abs(loss) < 0.05);
}

BOOST_AUTO_TEST_CASE(data_must_go_on_where_the_state_stands) {
  Run run;
  const auto options = small_options();
  test::check_throws<ValueError>([&] { run.step(Noise(2, 4), options); }, {"data from sample 0", "sample 4"});
  test::check_throws<ValueError>([&] { run.step(Noise(0), options); }, {"data from sample 0", "none"});
}

BOOST_AUTO_TEST_SUITE_END()
