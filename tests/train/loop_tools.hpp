// SPDX-License-Identifier: MIT
// What the tests of the training loop share: a run on a small model, new or resumed, with the bits that it
// ends with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/train/loop.hpp>

#include "support/files.hpp"
#include "support/train_tools.hpp"

namespace pixnerd::test {

inline constexpr std::int64_t batch = 6;

inline TrainOptions small_options() {
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

inline const auto go_on = [](const StepReport&) { return true; };

/// Stands for the end of the process.
struct Killed {};

/// Data that end the process when batch `last` was served; a larger pixel makes outliers of the steps in
/// `outliers`.
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
  TrainState state{{.seed = 11}, {}};
  if (!options.run.empty()) {
    const auto newest = newest_checkpoint(options.run);
    if (!newest.path.empty()) state = load_checkpoint(newest.path, store, AdamW{});
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

/// Every file of two checkpoints.
inline void check_same_checkpoint(const std::string& a, const std::string& b) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(a)) {
    const std::string name = entry.path().filename();
    BOOST_TEST((read_file(a + "/" + name, 1 << 24) == read_file(b + "/" + name, 1 << 24)), name);
    ++files;
  }
  BOOST_TEST(files == 5);
}

}  // namespace pixnerd::test
