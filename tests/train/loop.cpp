#include <pixnerd/train/loop.hpp>

#include <cmath>
#include <filesystem>
#include <thread>

#include <pixnerd/optim/adamw.hpp>
#include "files.hpp"
#include "train_tools.hpp"

namespace pixnerd {
namespace {

using test::bits_of;
using test::equal_bits;
using test::Noise;
using test::small_pixnerd;
using test::Store;

constexpr std::int64_t batch = 6;

TrainOptions small_options() {
  TrainOptions options;
  options.steps = 50;
  options.rate = 2e-3;
  options.schedule = RateSchedule::cosine;
  options.warmup = 5;
  options.average_decay = 0.95;
  options.clip_norm = 0.5;
  options.noising.null_label = {4};
  return options;
}

const auto go_on = [](const StepReport&) { return true; };

/// Stands for the end of the process.
struct Killed {};

/// Data that end the process when batch `last` was served; a larger pixel makes outliers of the steps in `outliers`.
struct Data {
  Noise noise;
  std::int64_t last = -1;
  std::vector<std::int64_t> outliers{};
  std::int64_t served = 0;

  Noise::Batch operator()() {
    if (served++ == last) throw Killed();
    auto out = noise();
    for (const std::int64_t outlier : outliers) {
      if (out.sample_ids.front() / batch + 1 == outlier) out.images.data()[0] = 1e4f;
    }
    return out;
  }
};

/// Trains a new model, or goes on with the newest checkpoint of the run, and returns the bits it ends with.
/// `data` may say how the process is killed: then there are none.
template <class OnStep>
std::vector<float> run_training(const TrainOptions& options, OnStep on_step, bool expect_end = true,
                                Data data = {Noise(batch)}, TrainState* end = nullptr) {
  auto model = small_pixnerd(3);
  Store store(model);
  store.start_average();
  TrainState state{0, 0, 11, {}};
  if (!options.run.empty()) {
    const auto newest = newest_checkpoint(options.run);
    if (!newest.path.empty()) state = load_checkpoint(newest.path, store);
  }
  data.noise = Noise(batch, state.samples);
  try {
    const bool ended = train(store, AdamW{0.9, 0.99, 1e-8, 0.01}, flow_matching_objective(model), data,
                             options, state, on_step);
    BOOST_TEST(ended == expect_end);
  } catch (const Killed&) {
    return {};
  }
  if (end != nullptr) *end = state;
  BOOST_TEST(state.samples == state.step * batch * options.accumulation);
  return bits_of(store);
}

struct Threads {
  int before = thread_count();
  ~Threads() { set_thread_count(before); }
};

}  // namespace
}  // namespace pixnerd

using namespace pixnerd;

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

/// Every file of two checkpoints.
void check_same_checkpoint(const std::string& a, const std::string& b) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(a)) {
    const std::string name = entry.path().filename();
    BOOST_TEST((read_file(a + "/" + name, 1 << 24) == read_file(b + "/" + name, 1 << 24)), name);
    ++files;
  }
  BOOST_TEST(files == 5);
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
  // Before the first checkpoint, between two, right behind one: each time within a step, and each time with another
  // number of threads.
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
    check_same_checkpoint(text(folder / "now/step-", step), text(folder / "later/step-", step));
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
  const auto on_step = [&](const StepReport& report) {
    // Where the second checkpoint belongs, there is a whole one by now.
    if (report.step == 9) {
      // The first one is written in the background.
      while (!std::filesystem::exists(options.run + "/step-5")) std::this_thread::yield();
      std::filesystem::copy(options.run + "/step-5", options.run + "/step-10",
                            std::filesystem::copy_options::recursive);
    }
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
