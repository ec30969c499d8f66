// SPDX-License-Identifier: MIT
#include <pixnerd/train/loop.hpp>

#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <thread>

#include "loop_tools.hpp"

using namespace pixnerd;
using test::batch;
using test::bits_of;
using test::check_same_checkpoint;
using test::equal_bits;
using test::go_on;
using test::Noise;
using test::run_training;
using test::small_options;
using test::small_pixnerd;
using test::Store;

BOOST_AUTO_TEST_SUITE(loop_saving)

BOOST_AUTO_TEST_CASE(saving_in_the_background_gives_the_same_files) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 9;
  options.checkpoint_every = 2;
  options.run = folder / "now";
  options.save_in_background = false;
  const auto bits = run_training(options, go_on);
  options.run = folder / "later";
  options.save_in_background = true;
  BOOST_TEST(equal_bits(run_training(options, go_on), bits));
  for (const int step : {2, 4, 6, 8, 9})
    check_same_checkpoint(str_cat(folder / "now/step-", step), str_cat(folder / "later/step-", step));
}

BOOST_AUTO_TEST_CASE(a_save_that_fails_stops_the_run_with_its_state_intact) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 1000;
  options.checkpoint_every = 5;
  options.run = folder / "run";
  auto model = small_pixnerd(3);
  Store store(model);
  TrainState state;
  std::vector<float> after_step;
  std::int64_t steps = 0;
  save_checkpoint(folder / "other", store, {{.step = 10}, {}});
  const auto on_step = [&](const StepReport& report) {
    // Where the second checkpoint belongs, there is a whole one by now.
    if (report.step == 9) std::filesystem::rename(folder / "other/step-10", options.run + "/step-10");
    after_step = bits_of(store);
    steps = report.step;
    return true;
  };
  test::check_throws<FileError>(
      [&] { train(store, AdamW{}, flow_matching_objective(model), Noise(batch), options, state, on_step); },
      {"step-10", "never overwritten"});
  BOOST_TEST(state.step == steps);
  BOOST_TEST(steps >= 10);
  BOOST_TEST(steps <= 15);
  BOOST_TEST(equal_bits(bits_of(store), after_step));
  BOOST_TEST((checkpoint_steps(options.run) == std::vector<std::int64_t>{10, 5}));
}

BOOST_AUTO_TEST_CASE(a_save_that_fails_is_told_and_the_run_goes_on) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 13;
  options.checkpoint_every = 5;
  const auto expected = run_training(options, go_on);
  auto model = small_pixnerd(3);
  Store store(model);
  for (const bool in_background : {true, false}) {
    for (const std::int64_t failing : {5, 10, 13}) {
      BOOST_TEST_CONTEXT("step " << failing << (in_background ? " in the background" : "")) {
        options.run = folder / str_cat("run-", failing, in_background);
        options.save_in_background = in_background;
        const auto others = str_cat(options.run, "-others");
        save_checkpoint(others, store, {{.step = failing}, {}});
        std::vector<std::string> told;
        options.on_save_failed = [&](const std::exception& error) { told.push_back(error.what()); };
        const auto on_step = [&](const StepReport& report) {
          if (report.step == failing - 1)
            std::filesystem::rename(checkpoint_path(others, failing), checkpoint_path(options.run, failing));
          return true;
        };
        if (failing == 13) {
          // Nothing comes after the last one.
          test::check_throws<FileError>([&] { run_training(options, on_step); },
                                        {"step-13", "never overwritten"});
          BOOST_TEST(told.empty());
        } else {
          BOOST_TEST(equal_bits(run_training(options, on_step), expected));
          BOOST_TEST_REQUIRE(told.size() == 1u);
          BOOST_TEST(told[0].find(str_cat("step-", failing, "'")) != std::string::npos, told[0]);
        }
        BOOST_TEST((checkpoint_steps(options.run) == std::vector<std::int64_t>{13, 10, 5}));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(steps_before_data_that_cannot_be_read_are_saved) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 12;
  options.checkpoint_every = 5;
  const auto expected = run_training(options, go_on);
  for (const std::int64_t bad : {0, 5, 8}) {  // batches from 0, one a step
    options.run = folder / str_cat("run-", bad);
    auto model = small_pixnerd(3);
    Store store(model);
    store.start_average();
    TrainState state{{.seed = 11}, {}};
    Noise data(batch);
    const auto next_batch = [&] {
      if (state.step == bad) throw FileError("[read image] a bad one");
      return data();
    };
    test::check_throws<FileError>(
        [&] {
          train(store, AdamW{0.9, 0.99, 1e-8, 0.01}, flow_matching_objective(model), next_batch, options,
                state, go_on);
        },
        {"a bad one"});
    BOOST_TEST(newest_checkpoint(options.run).path == (bad == 0 ? "" : checkpoint_path(options.run, bad)));
    BOOST_TEST(equal_bits(run_training(options, go_on), expected));
  }
}

BOOST_AUTO_TEST_CASE(steps_before_bad_data_are_saved_though_the_save_before_failed) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 12;
  options.checkpoint_every = 4;
  for (const bool in_background : {true, false}) {
    options.save_in_background = in_background;
    options.run = folder / str_cat("run-", in_background);
    const std::string place = options.run + "/step-4", other = options.run + "-other";
    int told = 0;
    options.on_save_failed = [&](const std::exception&) { ++told; };
    auto model = small_pixnerd(3);
    Store store(model);
    TrainState state;
    Noise data(batch);
    save_checkpoint(other, store, {{.step = 4}, {}});
    const auto on_step = [&](const StepReport& report) {
      if (report.step == 3) std::filesystem::rename(other + "/step-4", place);
      return true;
    };
    const auto next_batch = [&] {
      if (state.step < 4) return data();
      // The place of the checkpoint was taken, and is free again. A save in the background has met that by
      // now, or will not.
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      std::filesystem::rename(place, other + "/step-4");
      throw FileError("[read image] a bad one");
    };
    test::check_throws<FileError>(
        [&] { train(store, AdamW{}, flow_matching_objective(model), next_batch, options, state, on_step); },
        {"a bad one"});
    BOOST_TEST((checkpoint_steps(options.run) == std::vector<std::int64_t>{4}));
    if (!in_background) BOOST_TEST(told == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_cannot_be_scored_is_saved_without_a_score) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 6;
  options.checkpoint_every = 2;
  options.evaluate = []() -> double { throw FileError("[read image] a bad one"); };
  for (const bool in_background : {true, false}) {
    options.save_in_background = in_background;
    std::vector<std::string> told;
    options.on_save_failed = [&](const std::exception& error) { told.push_back(error.what()); };
    options.run = folder / str_cat("told-", in_background);
    run_training(options, go_on);
    BOOST_TEST_REQUIRE(told.size() == 3u);
    BOOST_TEST(told[1] ==
               "[checkpoint] expected a loss by which step 4, saved without one, is compared, got "
               "[read image] a bad one");
    BOOST_TEST((checkpoint_steps(options.run) == std::vector<std::int64_t>{6, 4, 2}));
    BOOST_TEST(read_train_state(options.run + "/step-4/state.json").score.measure == "");

    options.on_save_failed = {};
    options.run = folder / str_cat("thrown-", in_background);
    test::check_throws<Error>([&] { run_training(options, go_on); }, {"step 2", "a bad one"});
    BOOST_TEST((checkpoint_steps(options.run) == std::vector<std::int64_t>{2}));

    // The checkpoint is there when that is told.
    options.run = folder / str_cat("there-", in_background);
    options.on_save_failed = [&](const std::exception&) {
      BOOST_TEST(!checkpoint_steps(options.run).empty());
    };
    run_training(options, go_on);
  }
}

BOOST_AUTO_TEST_CASE(the_best_checkpoint_stays) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 12;
  options.checkpoint_every = 2;
  options.keep = 2;
  options.run = folder / "evaluated";
  int calls = 0;
  const double losses[] = {0.9, 0.3, 0.5, 0.4, 0.6, std::nan("")};
  options.evaluate = [&] { return losses[calls++]; };
  run_training(options, go_on);
  BOOST_TEST(calls == 6);
  BOOST_TEST((checkpoint_steps(options.run) == std::vector<std::int64_t>{12, 10, 4}));
  BOOST_TEST(best_checkpoint(options.run).step == 4);
  BOOST_TEST(best_checkpoint(options.run).score.measure == "evaluation loss");
  BOOST_TEST(read_train_state(options.run + "/step-12/state.json").score.measure == "");

  // Without an evaluation, the mean training loss decides.
  options.evaluate = {};
  options.run = folder / "trained";
  options.keep = 0;
  TrainState end;
  RunningMean loss;
  const auto add = [&](const StepReport& report) {
    loss.add(report.loss);
    return true;
  };
  run_training(options, add, true, {Noise(batch)}, &end);
  BOOST_TEST((end.loss == loss));
  BOOST_TEST(checkpoint_steps(options.run).size() == 6u);
  const auto last = read_train_state(options.run + "/step-12/state.json");
  BOOST_TEST(last.score.measure == "mean training loss");
  BOOST_TEST(last.score.value == loss.mean);
}

BOOST_AUTO_TEST_SUITE_END()
