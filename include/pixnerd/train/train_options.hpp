// SPDX-License-Identifier: MIT
/// \file
/// The options of training: steps, learning rate, clipping, averages, checkpoints.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <string>

#include <pixnerd/optim/schedule.hpp>
#include <pixnerd/train/train_progress.hpp>
#include <pixnerd/train/training_batch.hpp>

namespace pixnerd {

enum class RateSchedule {
  constant,  ///< constant_rate()
  cosine     ///< cosine_rate(), down to 0 after the last step
};

/// How to train. The defaults are those of PixNerd's class-conditional models.
struct TrainOptions {
  std::int64_t steps = 1000;      ///< in total, including those before a resume
  std::int64_t accumulation = 1;  ///< micro-batches whose mean loss makes one step
  double rate = 1e-4;             ///< largest learning rate
  RateSchedule schedule = RateSchedule::constant;
  std::int64_t warmup = 0;        ///< steps of linear warmup
  double clip_norm = 0;           ///< largest global norm of the gradients; 0 clips nothing
  double average_decay = 0.9999;  ///< of the EMA weights
  NoisingOptions noising;
  /// A step is skipped, and changes neither weights nor the optimizer's state nor averages, when its gradient
  /// norm is above this factor times the running mean of the norms (TrainProgress::grad_norm), once there are
  /// 20 of those. 0 skips none. A skipped step enters that mean as the limit, so the mean follows a lasting
  /// change of the norms.
  double skip_outliers = 0;

  std::string run;                    ///< run folder for checkpoints; empty: none are saved
  std::int64_t checkpoint_every = 0;  ///< steps between checkpoints; 0: only one at the end
  std::int64_t keep = 0;              ///< newest checkpoints to keep besides the best one; 0: all
  bool save_in_background = true;     ///< see CheckpointSaver for the memory this takes
  /// Called when a checkpoint other than the last one could not be saved, for whatever reason: training goes
  /// on, and the next checkpoint is the next attempt. Where this is empty, and for the last checkpoint, the
  /// error ends the run. Also called when any checkpoint was saved without a score because `evaluate` failed.
  std::function<void(const std::exception&)> on_save_failed;
  /// A loss on fixed data, a function of the weights alone, called before each save. The best checkpoint is
  /// the one with the lowest; without this function, the one with the lowest running mean of training losses.
  std::function<double()> evaluate;

  /// Whether a GPU captures the third step as a CUDA graph and launches that from then on. TrainStepper says
  /// what this requires of an objective.
  bool capture = true;

  /// Learning rate of a step, counted from 1.
  double rate_at(std::int64_t step) const {
    return rate * (schedule == RateSchedule::cosine ? cosine_rate(step, warmup, steps)
                                                    : constant_rate(step, warmup));
  }

  /// The largest gradient norm that is no outlier, given the running mean of the norms before. Infinity
  /// without a limit.
  double norm_limit(const RunningMean& norms) const {
    constexpr std::int64_t enough = 20;
    return skip_outliers > 0 && norms.count >= enough ? skip_outliers * norms.mean
                                                      : std::numeric_limits<double>::infinity();
  }
};

}  // namespace pixnerd
