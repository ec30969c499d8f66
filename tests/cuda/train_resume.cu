// SPDX-License-Identifier: MIT
// A run on the GPU that stops, or is killed within a step, and goes on ends with the bits of one that did
// not.
#include "compare.cuh"

#include <cstring>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/train/loop.hpp>

#include "support/files.hpp"
#include "toy_training.cuh"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(cuda_train_resume)

namespace {

/// Stands for the end of the process.
struct Killed {};

/// How one process works on a run.
struct Process {
  std::int64_t stop_after = -1;  ///< step after which it is asked to stop
  std::int64_t kill_at = -1;     ///< number of the batch, from 0, whose data it does not get
  int threads = 2;
  bool capture = true;
};

/// Trains `model` as far as the process gets, from the newest checkpoint on; the slabs of its store then.
template <class Precision, class Model, class Objective>
std::vector<float> work(Model& model, Objective&& objective, Noise data, TrainOptions options,
                        const Process& process) {
  const int before = thread_count();
  set_thread_count(process.threads);
  options.capture = process.capture;
  ParameterStore<On<Cuda, Precision>> store(model);
  store.start_average();
  TrainState state{{.seed = 11}, {}};
  const auto newest = newest_checkpoint(options.run);
  if (!newest.path.empty()) state = load_checkpoint(newest.path, store, AdamW{});
  data.next = state.samples;
  std::int64_t served = 0;
  const auto next_batch = [&] {
    if (served++ == process.kill_at) throw Killed();
    return data();
  };
  try {
    train(store, AdamW{}, objective, next_batch, options, state,
          [&](const StepReport& report) { return report.step != process.stop_after; });
  } catch (const Killed&) {
  }
  set_thread_count(before);
  std::vector<float> out;
  for (const auto& slab :
       {store.weights(), store.state()["first_moments"], store.state()["second_moments"], store.average()}) {
    const auto values = slab.to_host();
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_same_checkpoint(const std::string& a, const std::string& b) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(a)) {
    const std::string name = entry.path().filename();
    BOOST_TEST((read_file(a + "/" + name, 1 << 24) == read_file(b + "/" + name, 1 << 24)), name);
    ++files;
  }
  BOOST_TEST(files == 5);
}

std::vector<float> work_on_toy(const TrainOptions& options, const Process& process) {
  ToyModel model;
  ToyObjective objective{model};
  Noise data;
  data.large = {4 * 3 * 24 + 5};  // within step 25
  return work<Full<float>>(model, objective, data, options, process);
}

}  // namespace

BOOST_AUTO_TEST_CASE(resuming_equals_no_interruption) {
  const Folder folder;
  auto options = toy_options();
  options.steps = 30;
  options.accumulation = 3;
  options.checkpoint_every = 4;
  options.skip_outliers = 4;
  options.run = folder / "whole";
  const auto whole = work_on_toy(options, {});
  BOOST_TEST(read_train_state(options.run + "/step-30/state.json").skipped == 1);
  // Before anything is recorded, in the middle of accumulation, behind the recording, right before the
  // outlier.
  options.run = folder / "run";
  work_on_toy(options, {.stop_after = 2, .threads = 1});
  work_on_toy(options, {.kill_at = 3 * 3 + 1, .threads = 5});
  BOOST_TEST(newest_checkpoint(options.run).path == options.run + "/step-4");
  work_on_toy(options, {.kill_at = 3 * 5 + 2, .threads = 3, .capture = false});
  work_on_toy(options, {.stop_after = 24, .threads = 1});
  BOOST_TEST(equal_bits(work_on_toy(options, {.threads = 2}), whole));
  check_same_checkpoint(options.run + "/step-30", folder / "whole/step-30");

  options.run = folder / "now";
  options.save_in_background = false;
  BOOST_TEST(equal_bits(work_on_toy(options, {}), whole));
  for (const int step : {4, 16, 28}) {
    check_same_checkpoint(str_cat(folder / "now/step-", step), str_cat(folder / "whole/step-", step));
  }
}

BOOST_AUTO_TEST_CASE(a_model_in_mixed_precision_resumes) {
  const Folder folder;
  TrainOptions options;
  options.steps = 6;
  options.rate = 1e-3;
  options.clip_norm = 0.5;
  options.average_decay = 0.9;
  options.noising.null_label = {3};
  options.accumulation = 2;
  options.checkpoint_every = 2;
  const auto run = [&](const std::string& name, const Process& process) {
    Initializer init(3);
    PixnerdC2i<On<Cuda, Mixed>> model({.patch = 2,
                                       .width = 16,
                                       .heads = 2,
                                       .depth = 1,
                                       .decoder = {.depth = 1, .features = 8},
                                       .classes = 3},
                                      init);
    options.run = folder / name;
    Noise data;
    data.batch = 2;
    data.height = data.width = 4;
    return work<Mixed>(model, flow_matching_objective(model), data, options, process);
  };
  const auto whole = run("whole", {});
  run("run", {.stop_after = 1, .threads = 1});
  run("run", {.kill_at = 2 * 2 + 1, .threads = 3});
  run("run", {.stop_after = 5});
  BOOST_TEST(equal_bits(run("run", {.threads = 1}), whole));
  check_same_checkpoint(folder / "run/step-6", folder / "whole/step-6");
}

BOOST_AUTO_TEST_SUITE_END()
