// SPDX-License-Identifier: MIT
#include <pixnerd/train/loop.hpp>

#include "loop_tools.hpp"

using namespace pixnerd;
using test::batch;
using test::check_same_checkpoint;
using test::Data;
using test::equal_bits;
using test::go_on;
using test::Noise;
using test::run_training;
using test::small_options;
using test::Threads;

BOOST_AUTO_TEST_SUITE(loop_resume)

BOOST_AUTO_TEST_CASE(resuming_equals_no_interruption) {
  const Threads restore;
  const test::Folder folder;
  auto options = small_options();
  options.steps = 20;
  options.accumulation = 2;
  set_thread_count(2);
  const auto uninterrupted = run_training(options, go_on);
  options.run = folder / "run";
  set_thread_count(1);
  run_training(
      options, [](const StepReport& report) { return report.step != 7; }, false);
  BOOST_TEST(newest_checkpoint(options.run).path == options.run + "/step-7");
  set_thread_count(5);
  options.checkpoint_every = 4;
  run_training(
      options, [](const StepReport& report) { return report.step != 13; }, false);
  set_thread_count(2);
  const auto resumed = run_training(options, go_on);
  BOOST_TEST(equal_bits(resumed, uninterrupted));
  BOOST_TEST(checkpoint_steps(options.run) == (std::vector<std::int64_t>{20, 16, 13, 12, 8, 7}),
             boost::test_tools::per_element());
  // There is nothing left to do, and nothing is done.
  BOOST_TEST(equal_bits(run_training(options, [](const StepReport&) { return false; }), uninterrupted));

  // A run whose last checkpoint was damaged goes on from the one before, to the same end.
  const std::string damaged = options.run + "/step-20/model.safetensors";
  auto bytes = read_file(damaged, 1 << 24);
  bytes.back() ^= 1;
  write_file_atomic(damaged, bytes);
  BOOST_TEST(equal_bits(run_training(options, go_on), uninterrupted));
  BOOST_TEST(newest_checkpoint(options.run).path == options.run + "/step-20");
}

BOOST_AUTO_TEST_CASE(killed_in_the_middle_of_accumulation) {
  const Threads restore;
  const test::Folder folder;
  auto options = small_options();
  options.steps = 16;
  options.accumulation = 3;
  options.checkpoint_every = 4;
  options.run = folder / "whole";
  set_thread_count(2);
  const auto uninterrupted = run_training(options, go_on);
  // Before the first checkpoint, between two, right behind one: each time within a step, and each time with
  // another number of threads.
  options.run = folder / "run";
  set_thread_count(1);
  run_training(options, go_on, false, {Noise(batch), 3 * 2 + 1});
  BOOST_TEST(checkpoint_steps(options.run).empty());
  set_thread_count(5);
  run_training(options, go_on, false, {Noise(batch), 3 * 6 + 2});
  BOOST_TEST(newest_checkpoint(options.run).path == options.run + "/step-4");
  set_thread_count(3);
  run_training(options, go_on, false, {Noise(batch), 3 * 8 + 1});
  BOOST_TEST(newest_checkpoint(options.run).path == options.run + "/step-12");
  set_thread_count(1);
  BOOST_TEST(equal_bits(run_training(options, go_on), uninterrupted));
  check_same_checkpoint(options.run + "/step-16", folder / "whole/step-16");
}

BOOST_AUTO_TEST_CASE(skipped_steps_are_remembered) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 32;
  options.clip_norm = 0;
  options.skip_outliers = 4;
  const Data data{Noise(batch), -1, {7, 23, 24, 29}};
  std::vector<std::int64_t> skipped;
  TrainState whole, resumed;
  const auto note = [&](const StepReport& report) {
    BOOST_TEST(report.skipped == (report.grad_norm > report.norm_limit));
    if (report.skipped) skipped.push_back(report.step);
    return true;
  };
  const auto uninterrupted = run_training(options, note, true, data, &whole);
  // The first is too early to be known as an outlier.
  BOOST_TEST((skipped == std::vector<std::int64_t>{23, 24, 29}));
  BOOST_TEST(whole.skipped == 3);
  BOOST_TEST(whole.grad_norm.count == 32);
  BOOST_TEST(whole.loss.count == 29);

  options.run = folder / "run";
  options.checkpoint_every = 8;
  for (const std::int64_t stop : {5, 23, 28}) {
    run_training(
        options, [&](const StepReport& report) { return report.step != stop; }, false, data);
  }
  const auto bits = run_training(options, go_on, true, data, &resumed);
  BOOST_TEST(equal_bits(bits, uninterrupted));
  BOOST_TEST(resumed.skipped == 3);
  BOOST_TEST((resumed.grad_norm == whole.grad_norm));
  BOOST_TEST((resumed.loss == whole.loss));

  // Off, and with a factor that nothing reaches, training is the same.
  options.run = "";
  options.skip_outliers = 0;
  const auto without = run_training(options, go_on, true, data);
  options.skip_outliers = 1e9;
  BOOST_TEST(equal_bits(run_training(options, go_on, true, data), without));
  BOOST_TEST(!equal_bits(without, uninterrupted));
}

BOOST_AUTO_TEST_SUITE_END()
