// SPDX-License-Identifier: MIT
/// \file
/// Which checkpoints of a run are kept: the newest ones and the best one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include <pixnerd/train/run_folder.hpp>
#include <pixnerd/train/train_state.hpp>

namespace pixnerd {

/// What best_checkpoint() found.
struct BestCheckpoint {
  std::int64_t step = -1;  ///< -1 when no checkpoint has a score
  CheckpointScore score;
};

/// The checkpoint of a run with the lowest score; of equal ones, the earliest. Only scores of the same
/// measure as the latest one count. Of damaged checkpoints only state.json is read; those without a readable
/// score do not count. Throws FileError when the folder, or the state.json of a whole checkpoint, cannot be
/// read.
inline BestCheckpoint best_checkpoint(const std::string& run) {
  BestCheckpoint best;
  for (const std::int64_t step : checkpoint_steps(run)) {
    CheckpointScore score;
    try {
      score = read_train_state(checkpoint_path(run, step) + "/state.json").score;
    } catch (const FileError&) {
      if (manifest_problem(checkpoint_path(run, step)).empty()) throw;
      continue;
    }
    if (score.measure.empty()) continue;
    const bool first = best.step < 0;
    if (first || (score.measure == best.score.measure && score.value <= best.score.value)) {
      best = {step, score};
    }
  }
  return best;
}

/// Removes the checkpoints of a run except the newest `keep` whole ones, the best one, and damaged ones among
/// or after those. `whole` holds the steps of checkpoints that are known to be whole; those found to be whole
/// are added. A checkpoint that cannot be removed stays. Throws FileError, and removes no more, when the
/// folder cannot be read, or a checkpoint on which the choice depends.
inline void remove_old_checkpoints(const std::string& run, std::int64_t keep, std::set<std::int64_t>& whole) {
  const std::int64_t best = best_checkpoint(run).step;
  std::int64_t kept = 0;
  for (const std::int64_t step : checkpoint_steps(run)) {
    const std::string path = checkpoint_path(run, step);
    if (kept < keep) {
      if (!whole.contains(step) && manifest_problem(path).empty()) whole.insert(step);
      kept += whole.contains(step) ? 1 : 0;
      continue;
    }
    if (step == best) continue;
    // Renamed first, so that an interrupted removal leaves a temporary folder and no damaged checkpoint.
    const std::string leftover = str_cat(run, "/", detail::temporary_prefix, step, "-old");
    std::error_code ignored;
    std::filesystem::rename(path, leftover, ignored);
    (void)detail::remove_tree(leftover);
    whole.erase(step);
  }
}

}  // namespace pixnerd
