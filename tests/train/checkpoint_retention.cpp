// SPDX-License-Identifier: MIT
#include <pixnerd/train/checkpoint_retention.hpp>

#include <algorithm>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(retention)

namespace {

void put(const std::string& run, std::int64_t step, const CheckpointScore& score) {
  TrainState state;
  state.step = step;
  state.score = score;
  write_checkpoint(run, step, 100, [&](const std::string& folder) {
    write_file_atomic(folder + "/state.json", format_train_state(state));
    return std::vector<std::string>{"state.json"};
  });
}

CheckpointScore loss(double value) {
  return {"evaluation loss", value};
}

std::vector<std::int64_t> kept(const std::string& run, std::int64_t keep) {
  std::set<std::int64_t> whole;
  remove_old_checkpoints(run, keep, whole);
  return checkpoint_steps(run);
}

using Steps = std::vector<std::int64_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(the_newest_and_the_best_stay) {
  const test::Folder folder;
  const std::string run = folder / "run";
  BOOST_TEST(best_checkpoint(run).step == -1);
  const double losses[] = {0.5, 0.2, 0.3, 0.2, 0.4, 0.6};
  for (std::int64_t i = 0; i < 6; ++i) put(run, 10 * (i + 1), loss(losses[i]));
  const auto best = best_checkpoint(run);
  BOOST_TEST(best.step == 20);  // the earlier of two
  BOOST_TEST(best.score.value == 0.2);
  BOOST_TEST((kept(run, 3) == Steps{60, 50, 40, 20}));
  BOOST_TEST((kept(run, 2) == Steps{60, 50, 20}));
  // A new best one, which is among the newest.
  put(run, 70, loss(0.1));
  BOOST_TEST((kept(run, 2) == Steps{70, 60}));
  BOOST_TEST((kept(run, 9) == Steps{70, 60}));
}

BOOST_AUTO_TEST_CASE(scores_are_compared_with_those_of_the_same_measure) {
  const test::Folder folder;
  const std::string run = folder / "run";
  put(run, 1, {"mean training loss", 0.01});
  put(run, 2, loss(0.7));
  put(run, 3, loss(0.9));
  put(run, 4, {});
  BOOST_TEST(best_checkpoint(run).step == 2);
  BOOST_TEST((kept(run, 1) == Steps{4, 2}));
}

BOOST_AUTO_TEST_CASE(damaged_ones_do_not_count) {
  const test::Folder folder;
  const std::string run = folder / "run";
  for (std::int64_t step = 1; step <= 6; ++step) put(run, step, loss(1.0 / static_cast<double>(step)));
  write_file_atomic(run + "/step-6/state.json", std::string_view("{"));
  write_file_atomic(run + "/step-3/state.json", std::string_view("?"));
  std::filesystem::remove(run + "/step-4/manifest.json");
  BOOST_TEST(best_checkpoint(run).step == 5);
  // Two whole ones, and what is damaged among or after them.
  BOOST_TEST((kept(run, 2) == Steps{6, 5, 4, 3, 2}));
  BOOST_TEST((kept(run, 1) == Steps{6, 5}));
  // What is known to be whole is not read.
  std::set<std::int64_t> whole{6};
  remove_old_checkpoints(run, 1, whole);
  BOOST_TEST((checkpoint_steps(run) == Steps{6, 5}));
}

BOOST_AUTO_TEST_CASE(nothing_half_removed_stays) {
  const test::Folder folder;
  const std::string run = folder / "run";
  for (std::int64_t step = 1; step <= 4; ++step) put(run, step, {});
  kept(run, 1);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(run)) names.push_back(entry.path().filename());
  BOOST_TEST((names == std::vector<std::string>{"step-4"}));
}

BOOST_AUTO_TEST_SUITE_END()
