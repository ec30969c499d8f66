// SPDX-License-Identifier: MIT
#include <pixnerd/train/loop.hpp>

#include "loop_tools.hpp"

using namespace pixnerd;
using test::batch;
using test::bits_of;
using test::equal_bits;
using test::go_on;
using test::Noise;
using test::run_training;
using test::small_options;
using test::small_pixnerd;
using test::Store;
using test::Threads;

BOOST_AUTO_TEST_SUITE(loop)

BOOST_AUTO_TEST_CASE(bits_after_50_steps_do_not_depend_on_threads) {
  const Threads restore;
  std::vector<float> with_one;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    auto bits = run_training(small_options(), go_on);
    if (threads == 1)
      with_one = std::move(bits);
    else
      BOOST_TEST(equal_bits(bits, with_one), threads << " threads");
  }
}

BOOST_AUTO_TEST_CASE(reports_every_step) {
  auto options = small_options();
  options.steps = 8;
  std::vector<StepReport> reports;
  run_training(options, [&](const StepReport& report) {
    reports.push_back(report);
    return true;
  });
  BOOST_TEST_REQUIRE(reports.size() == 8);
  for (std::int64_t i = 0; i < 8; ++i) {
    const auto& report = reports[static_cast<std::size_t>(i)];
    BOOST_TEST(report.step == i + 1);
    BOOST_TEST(report.rate == 2e-3 * cosine_rate(i + 1, 5, 8));
    BOOST_TEST(report.loss > 0);
    BOOST_TEST(report.grad_norm > 0);
    BOOST_TEST(report.samples_per_second > 0);
  }
}

BOOST_AUTO_TEST_CASE(a_run_with_later_checkpoints_is_an_error_at_once) {
  const test::Folder folder;
  auto options = small_options();
  options.steps = 3;
  options.run = folder / "run";
  run_training(options, go_on);
  auto model = small_pixnerd(3);
  Store store(model);
  TrainState state;
  const auto before = bits_of(store);
  test::check_throws<FileError>(
      [&] { train(store, AdamW{}, flow_matching_objective(model), Noise(batch), options, state, go_on); },
      {"without checkpoints after step 0", "step-3", "resume"});
  BOOST_TEST(equal_bits(bits_of(store), before));
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_errors) {
  const auto fails = [&](const char* word, auto change) {
    auto options = small_options();
    change(options);
    test::check_throws<ValueError>([&] { run_training(options, go_on); }, {"[train]", word});
  };
  fails("steps", [](TrainOptions& o) { o.steps = -1; });
  fails("steps", [](TrainOptions& o) { o.steps = std::int64_t{1} << 32; });
  fails("accumulation", [](TrainOptions& o) { o.accumulation = 0; });
  fails("rate", [](TrainOptions& o) { o.rate = -1; });
  fails("rate", [](TrainOptions& o) { o.rate = 0.0 / 0.0; });
  fails("warm-up", [](TrainOptions& o) { o.warmup = -1; });
  fails("norm", [](TrainOptions& o) { o.clip_norm = -1; });
  fails("average decay", [](TrainOptions& o) { o.average_decay = 2; });
  fails("skip outliers", [](TrainOptions& o) { o.skip_outliers = 1; });
  fails("skip outliers", [](TrainOptions& o) { o.skip_outliers = -1; });
  fails("to keep", [](TrainOptions& o) { o.keep = -1; });
  fails("between checkpoints", [](TrainOptions& o) { o.checkpoint_every = -1; });
}

BOOST_AUTO_TEST_CASE(nothing_is_trained_in_a_folder_that_cannot_be_written) {
  const test::Folder folder;
  write_file_atomic(folder / "file", std::string_view("x"));
  auto options = small_options();
  options.run = folder / "file";
  auto model = small_pixnerd(3);
  Store store(model);
  TrainState state;
  test::check_throws<FileError>(
      [&] { train(store, AdamW{}, flow_matching_objective(model), Noise(batch), options, state, go_on); },
      {"writable folder"});
}

BOOST_AUTO_TEST_SUITE_END()
