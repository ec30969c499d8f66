// SPDX-License-Identifier: MIT
#include <pixnerd/train/checkpoint_saver.hpp>

#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(checkpoint_saver)

namespace {

using test::bits_of;
using test::equal_bits;
using test::Store;
using test::TinyModel;
namespace fs = std::filesystem;

/// A store with helper, with or without an average, full of numbers.
struct Everything {
  TinyModel model;
  Linear<On<Cpu>> helper;
  Store store;

  explicit Everything(std::uint64_t seed, bool average = true)
      : model(seed), helper(make_helper(seed)), store(model, helper, "projector") {
    if (average) store.start_average();
    test::fill_store(store, seed);
  }

  static Linear<On<Cpu>> make_helper(std::uint64_t seed) {
    Initializer init(seed);
    return Linear<On<Cpu>>(3, 2, init);
  }
};

void check_same_files(const std::string& a, const std::string& b) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(a)) {
    const std::string name = entry.path().filename();
    BOOST_TEST((read_file(a + "/" + name, 1 << 20) == read_file(b + "/" + name, 1 << 20)), name);
    ++files;
  }
  BOOST_TEST(files >= 4);
  BOOST_TEST(std::distance(fs::directory_iterator(b), fs::directory_iterator()) == files);
}

TrainState at_step(std::int64_t step) {
  TrainState state;
  state.step = step;
  return state;
}

}  // namespace

BOOST_AUTO_TEST_CASE(files_are_those_of_a_store_that_is_saved_at_once) {
  const test::Folder folder;
  for (const bool average : {true, false}) {
    const std::string now = folder / str_cat("now", average), later = folder / str_cat("later", average);
    Everything everything(1, average);
    CheckpointSaver<float> saver(later);
    for (const std::int64_t step : {5, 6, 7}) {
      const TrainState state = at_step(step);
      save_checkpoint(now, everything.store, state);
      saver.begin(everything.store, state);
      // The store changes while it is saved.
      test::fill_store(everything.store, static_cast<std::uint64_t>(step));
    }
    saver.finish();
    for (const std::int64_t step : {5, 6, 7}) {
      check_same_files(checkpoint_path(now, step), checkpoint_path(later, step));
    }
    Everything loaded(9, average);
    load_checkpoint(checkpoint_path(later, 7), loaded.store, AdamW{});
    Everything saved(6, average);
    BOOST_TEST(equal_bits(bits_of(loaded.store), bits_of(saved.store)));
  }
}

BOOST_AUTO_TEST_CASE(an_error_is_thrown_by_the_next_call) {
  const test::Folder folder;
  const std::string run = folder / "run";
  Everything everything(1);
  CheckpointSaver<float> saver(run);
  saver.save(everything.store, at_step(1));
  const auto before = bits_of(everything.store);
  const auto fails = [&](auto call) {
    saver.begin(everything.store, at_step(1));
    test::check_throws<FileError>([&] { call(); }, {"step-1", "never overwritten"});
  };
  fails([&] { saver.finish(); });
  fails([&] { saver.begin(everything.store, at_step(2)); });
  fails([&] { saver.save(everything.store, at_step(2)); });
  fails([&] {
    for (;;) saver.check();
  });
  BOOST_TEST(equal_bits(bits_of(everything.store), before));
  BOOST_TEST((checkpoint_steps(run) == std::vector<std::int64_t>{1}));
  // It was told once, and the next one is saved.
  saver.check();
  saver.finish();
  saver.begin(everything.store, at_step(2));
  saver.finish();
  BOOST_TEST(newest_checkpoint(run).path == run + "/step-2");
}

BOOST_AUTO_TEST_CASE(leaving_waits) {
  const test::Folder folder;
  const std::string run = folder / "run";
  Everything everything(1);
  try {
    CheckpointSaver<float> saver(run);
    saver.begin(everything.store, at_step(3));
    throw std::runtime_error("something else");
  } catch (const std::runtime_error&) {
  }
  BOOST_TEST(newest_checkpoint(run).path == run + "/step-3");
}

BOOST_AUTO_TEST_CASE(old_ones_go_when_the_new_one_is_whole) {
  const test::Folder folder;
  const std::string run = folder / "run";
  Everything everything(1);
  CheckpointSaver<float> saver(run, 2);
  const double losses[] = {0.9, 0.3, 0.5, 0.4, 0.6};
  for (std::int64_t step = 1; step <= 5; ++step) {
    TrainState state = at_step(step);
    state.score = {"evaluation loss", losses[step - 1]};
    saver.begin(everything.store, state);
  }
  saver.finish();
  BOOST_TEST((checkpoint_steps(run) == std::vector<std::int64_t>{5, 4, 2}));
  // One that cannot be saved removes none.
  fs::create_directory(run + "/step-6");
  saver.begin(everything.store, at_step(4));
  BOOST_CHECK_THROW(saver.finish(), FileError);
  BOOST_TEST(checkpoint_steps(run).size() == 4u);
}

BOOST_AUTO_TEST_SUITE_END()
