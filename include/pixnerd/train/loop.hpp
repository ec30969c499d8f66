// SPDX-License-Identifier: MIT
/// \file
/// The training loop, train(): steps, a report after each, checkpoints.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <pixnerd/train/checkpoint_saver.hpp>
#include <pixnerd/train/run_lock.hpp>
#include <pixnerd/train/train_state.hpp>
#include <pixnerd/train/train_step.hpp>

namespace pixnerd {

namespace detail {

inline void check_train_options(const TrainOptions& options) {
  const auto need = [](bool good, const char* expected, auto got) {
    if (!good) raise<ValueError>("train", expected, str_cat(got));
  };
  need(options.steps >= 0 && options.steps <= most_steps, "0 to 2^32 - 1 steps", options.steps);
  need(options.accumulation >= 1, "an accumulation of at least 1 batch", options.accumulation);
  need(options.rate >= 0 && options.rate <= 1e9, "a rate of at least 0", options.rate);
  need(options.warmup >= 0, "a warm-up of at least 0 steps", options.warmup);
  need(options.clip_norm >= 0, "a norm to clip at of at least 0", options.clip_norm);
  need(options.average_decay >= 0 && options.average_decay <= 1, "an average decay in [0, 1]",
       options.average_decay);
  need(options.skip_outliers == 0 || (options.skip_outliers > 1 && options.skip_outliers <= 1e9),
       "a factor above 1 to skip outliers at, or 0", options.skip_outliers);
  need(options.checkpoint_every >= 0, "at least 0 steps between checkpoints", options.checkpoint_every);
  need(options.keep >= 0, "at least 0 checkpoints to keep", options.keep);
}

/// Fails now, not after hours, when a checkpoint of this run could not be saved.
inline void prepare_run_folder(const std::string& run, const TrainState& state) {
  open_run_folder(run);
  for (const std::int64_t step : checkpoint_steps(run)) {
    if (step > state.step && manifest_problem(checkpoint_path(run, step)).empty()) {
      raise<FileError>("train",
                       str_cat("a run folder '", run, "' without checkpoints after step ", state.step),
                       str_cat("step-", step, ": resume from it, or choose another folder"));
    }
  }
}

/// The score of a checkpoint of this state.
inline CheckpointScore score_of(const TrainOptions& options, const TrainState& state) {
  CheckpointScore score;
  if (options.evaluate) {
    score = {"evaluation loss", options.evaluate()};
  } else if (state.loss.count > 0) {
    score = {"mean training loss", state.loss.mean};
  }
  return std::isfinite(score.value) ? score : CheckpointScore{};
}

}  // namespace detail

/// Trains from `state` on until `options.steps` are done, or until `on_step(report)`, called after each step,
/// returns false. Returns whether all steps are done.
///
/// When `options.run` names a folder, saves a checkpoint there every `options.checkpoint_every` steps and at
/// the end, in either case. All but the last are saved while the next steps run. A failed save is thrown, or
/// passed to `options.on_save_failed`, before the next step or save begins; so is an error of
/// `options.evaluate`, after the checkpoint is saved without a score. No save is in progress when this
/// returns or throws.
///
///     ParameterStore store(model);
///     store.start_average();
///     const AdamW optimizer;
///     TrainState state{{.seed = 1}, configuration};
///     const RunLock lock(run);
///     if (const auto newest = newest_checkpoint(run); !newest.path.empty()) {
///       state = load_checkpoint(newest.path, store, optimizer);
///     }
///     Loader loader(data, {.start = state.samples, ...});
///     train(store, optimizer, flow_matching_objective(model), [&] { return loader.next(); }, options, state,
///           [](const StepReport& report) { return true; });
///
/// A run that was interrupted and resumed ends with the same bits as one that was not, on any number of
/// threads; so does one that was killed in the middle of a step, whose batches are then served again.
///
/// Throws what TrainStepper and save_checkpoint() throw, and ValueError for an option out of range. An error
/// that ends the run between saves, such as unreadable data or failed allocation, is thrown after the steps
/// before it are saved, if possible. A NonFiniteError is thrown without saving: these weights caused it.
template <class Policy, class AnOptimizer, class Objective, class NextBatch, class OnStep>
bool train(ParameterStore<Policy>& store, const AnOptimizer& optimizer, Objective&& objective,
           NextBatch&& next_batch, const TrainOptions& options, TrainState& state, OnStep&& on_step) {
  using Clock = std::chrono::steady_clock;
  detail::check_train_options(options);
  if (!options.run.empty()) detail::prepare_run_folder(options.run, state);
  TrainStepper<Policy, AnOptimizer, std::remove_reference_t<Objective>> take_step(store, optimizer, objective,
                                                                                  options);
  CheckpointSaver<typename Policy::Master> saver(options.run, options.keep);
  // Calls save(), whose failure does not end the run where on_save_failed is set.
  const auto tolerate = [&](auto save) {
    try {
      save();
    } catch (const std::exception& error) {
      if (!options.on_save_failed) throw;
      options.on_save_failed(error);
    }
  };
  const std::int64_t first = state.step;
  const auto save_before_the_end = [&] {
    if (options.run.empty() || state.step == first) return;
    // The error that ends the run is thrown in any case, so errors of this save are dropped.
    const auto attempt = [](auto save) {
      try {
        save();
      } catch (const std::exception&) {
      }
    };
    attempt([&] { tolerate([&] { saver.finish(); }); });
    state.score = {};
    attempt([&] { saver.save(store, state); });
  };
  bool go_on = true;
  while (go_on && state.step < options.steps) {
    tolerate([&] { saver.check(); });
    const auto start = Clock::now();
    const std::int64_t samples = state.samples;
    StepReport report;
    try {
      report = take_step(next_batch, state);
    } catch (const NonFiniteError&) {
      throw;
    } catch (const std::exception&) {
      save_before_the_end();
      throw;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    report.samples_per_second = static_cast<double>(state.samples - samples) / seconds;
    go_on = on_step(std::as_const(report));
    const bool ends = !go_on || state.step == options.steps;
    const bool is_due = options.checkpoint_every > 0 && state.step % options.checkpoint_every == 0;
    if (options.run.empty() || !(ends || is_due)) continue;
    std::string unscored;
    try {
      state.score = detail::score_of(options, state);
    } catch (const std::exception& error) {
      state.score = {};
      unscored = error.what();
    }
    tolerate([&] { saver.finish(); });
    if (ends) {
      saver.save(store, state);
    } else if (options.save_in_background) {
      tolerate([&] { saver.begin(store, state); });
    } else {
      tolerate([&] { saver.save(store, state); });
    }
    if (unscored.empty()) continue;
    tolerate([&] { saver.finish(); });
    tolerate([&] {
      raise<Error>("checkpoint",
                   str_cat("a loss by which step ", state.step, ", saved without one, is compared"),
                   unscored);
    });
  }
  return state.step >= options.steps;
}

}  // namespace pixnerd
