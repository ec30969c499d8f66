#include <pixnerd/train/loop.hpp>

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

/// Trains a new model, or goes on with the newest checkpoint of the run, and returns the bits it ends with.
template <class OnStep>
std::vector<float> run_training(const TrainOptions& options, OnStep on_step, bool expect_end = true) {
  auto model = small_pixnerd(3);
  Store store(model);
  store.start_average();
  TrainState state{0, 0, 11, {}};
  if (!options.run.empty()) {
    const auto newest = newest_checkpoint(options.run);
    if (!newest.path.empty()) state = load_checkpoint(newest.path, store);
  }
  const bool ended = train(store, AdamW{0.9, 0.99, 1e-8, 0.01}, flow_matching_objective(model),
                           Noise(batch, state.samples), options, state, on_step);
  BOOST_TEST(ended == expect_end);
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
