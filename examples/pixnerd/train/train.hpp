// SPDX-License-Identifier: MIT
/// \file
/// `pixnerd train`: a run from its data to its pictures.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <pixnerd/train/loss_curve.hpp>

#include "commands.hpp"
#include "files/info.hpp"
#include "interrupt.hpp"
#include "progress.hpp"
#include "train/model_sizes.hpp"
#include "train/replay.hpp"
#include "train/run_plan.hpp"
#include "train/run_record.hpp"
#include "train/samples_picture.hpp"

namespace pixnerd::program {

namespace detail {

/// How many steps fit into the minutes of the command, pictures included, found by doing 20 with a model that
/// is thrown away; 0 when interrupted. `elapsed` runs since the program began.
template <class Family, class Policy>
std::int64_t measure_steps(const TrainCommand& command, const RunPlan& plan,
                           const RepaEncoder<Policy>& encoder, const Stopwatch& elapsed,
                           const InterruptGuard& interrupt) {
  constexpr std::int64_t measured = 20, warm = 3;
  TrainSettings settings = plan.configuration.settings;
  settings.steps = measured;
  const auto batch = static_cast<double>(settings.batch * settings.accumulate);
  double seconds = 0;
  Training<Family, Policy> training(settings, plan.data.images.class_count(), encoder);
  const bool finished = training.run(plan.data, [&](const StepReport& report) {
    if (report.step > warm) seconds += batch / report.samples_per_second;
    return !interrupt.requested();
  });
  if (!finished) return 0;
  const double step = seconds / static_cast<double>(measured - warm);
  // Drawing only runs the model forward, which is about a third of a training step's work.
  const double image = step / batch / 3;
  const std::int64_t every = plan.configuration.saving.sample_every;
  const double drawing = every == 0 ? 0 : image * picture_between.work() / static_cast<double>(every);
  const double left = 60 * command.minutes - elapsed.seconds() - image * picture_at_end.work();
  // A little is kept back for checkpoints and for steps that take longer.
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(0.97 * left / (step + drawing)));
}

/// Says how to rerun and inspect a step that went wrong.
inline void print_replay(const std::string& folder, std::int64_t step) {
  NewestCheckpoint newest;
  try {
    newest = newest_checkpoint(folder);
  } catch (const FileError&) {
    // What went wrong first must not be hidden by what went wrong next.
  }
  if (newest.path.empty()) {
    std::printf(
        "stopped    before step %lld, without a checkpoint; to look at the step, add --replay %lld to this "
        "command\n",
        static_cast<long long>(step), static_cast<long long>(step));
  } else {
    std::printf(
        "stopped    before step %lld, %s is kept; to look at the step: pixnerd train --resume --run %s "
        "--replay %lld\n",
        static_cast<long long>(step), newest.path.c_str(), shell_word(folder).c_str(),
        static_cast<long long>(step));
  }
  std::fflush(stdout);
}

inline void print_stopped(std::int64_t step, const std::string& folder) {
  std::printf("stopped    after step %lld; go on with: pixnerd train --resume --run %s\n",
              static_cast<long long>(step), shell_word(folder).c_str());
  std::fflush(stdout);
}

inline void print_plan(const RunPlan& plan, const DeviceChoice& where) {
  const TrainSettings& settings = plan.configuration.settings;
  constexpr std::size_t shown = 5;
  const auto& left_out = plan.data.left_out;
  for (std::size_t i = 0; i < std::min(shown, left_out.size()); ++i) {
    std::printf("left out   %s\n", left_out[i].c_str());
  }
  if (left_out.size() > shown) std::printf("left out   %zu more\n", left_out.size() - shown);
  const auto fact = [](const char* name, const std::string& value) {
    std::printf("%-10s %s\n", name, value.c_str());
  };
  const std::string told = settings.text
                               ? " images with texts"
                               : str_cat(" images of ", plan.configuration.classes.size(), " classes");
  const std::string kept =
      settings.hold_out > 0 ? str_cat(", ", plan.data.compared.size(), " more held out") : "";
  fact("data", str_cat(settings.data, ", ", plan.configuration.images, told, kept, ", as ", settings.size,
                       " x ", settings.size, " pixels"));
  const std::string start = settings.start_from.empty() ? "" : str_cat(", from ", settings.start_from);
  fact("model", str_cat(plan.parameters, " parameters", start));
  if (plan.repa) {
    fact("repa", str_cat("block ", settings.repa_block, " toward the ", plan.repa->encoder.width,
                         " features of ", settings.repa, ", weight ", settings.repa_weight));
  }
  fact("device", str_cat(where.description, ", precision ", settings.precision, ", threads ", thread_count(),
                         ", ", instruction_set_text()));
  fact("run", plan.folder);
  if (!plan.checkpoint.empty()) fact("resume", plan.checkpoint);
  std::fflush(stdout);
}

}  // namespace detail

/// Takes the steps of a run and writes what it leaves behind: metrics.csv, checkpoints, pictures.
template <class Family, class Policy>
class TrainingRun {
 public:
  using Device = typename Policy::Device;
  /// Throws FileError when the checkpoint that the plan starts from, or the metrics beside it, cannot be
  /// read.
  TrainingRun(const TrainCommand& command, RunPlan& plan, const RepaEncoder<Policy>& encoder)
      : plan_(plan),
        lock_(std::move(plan.lock)),
        saving_(plan.configuration.saving),
        settings_(plan.configuration.settings),
        training_(settings_, plan.data.images.class_count(), encoder) {
    if (plan.checkpoint.empty()) {
      training_.begin();
    } else {
      training_.resume(plan.checkpoint);
    }
    training_.state.configuration = configuration_to_json(plan.configuration);
    training_.options().run = plan.folder;
    training_.options().checkpoint_every = plan.configuration.saving.checkpoint_every;
    training_.options().keep = plan.configuration.saving.keep;
    training_.options().save_in_background = can_save_in_background(
        training_.config(), settings_, plan.parameters, plan.repa, command.where.on_gpu);
  }

  /// Returns false when it was interrupted. What cannot be written while steps are to come is told and tried
  /// again later, once there is a checkpoint. Throws what training and the first and last writing throw; a
  /// new run that fails before its first step is done leaves nothing behind.
  bool run(const InterruptGuard& interrupt) {
    if (!plan_.checkpoint.empty()) return run_in_folder(interrupt);
    const std::filesystem::path there = existing_part(folder_path());
    // Measuring took a while: another process may have come first.
    lock_.emplace(plan_.folder);
    detail::check_free(plan_.folder);
    try {
      return run_in_folder(interrupt);
    } catch (...) {
      if (step() == 0) remove_files(there);
      throw;
    }
  }

  std::int64_t step() const { return training_.state.step; }

 private:
  std::string in_folder(const std::string& name) const { return plan_.folder + "/" + name; }

  /// Without a slash or dots at its end.
  std::filesystem::path folder_path() const {
    return (std::filesystem::path(plan_.folder).lexically_normal() / "").parent_path();
  }

  /// The longest beginning of a path that exists; empty when a relative path has none.
  static std::filesystem::path existing_part(std::filesystem::path path) {
    while (!path.empty() && !pixnerd::detail::path_exists(path.string())) path = path.parent_path();
    return path;
  }

  /// Removes what a new run has written before its first step is done, and its folders down to those that
  /// were `there` before, but nothing that others have put there.
  void remove_files(const std::filesystem::path& there) const {
    std::error_code ignored;
    std::filesystem::remove(in_folder("metrics.csv"), ignored);
    // What lies beside ".." is for the user: through a link it may be anything.
    if (plan_.folder.find("..") != plan_.folder.npos) return;
    std::filesystem::path path = folder_path();
    while (path != there && std::filesystem::remove(path, ignored))
      path = path.parent_path();  // until one is not empty
  }

  bool run_in_folder(const InterruptGuard& interrupt) {
    open_run_folder(plan_.folder);
    RunRecord record(in_folder("metrics.csv"), step(), settings_, training_.is_aligned());
    training_.options().on_save_failed = [&](const std::exception& error) {
      // With nothing saved yet, all of the work is at stake: better to end now than after hours.
      if (checkpoint_steps(plan_.folder).empty()) throw;
      record.tell_failure(error);
    };
    const bool was_finished = step() == settings_.steps;
    const bool finished = training_.run(plan_.data, [&](const StepReport& report) {
      record.add(report, training_.take_alignment());
      const bool is_last = report.step == settings_.steps;
      const bool draws = !is_last && is_due(report.step, saving_.sample_every);
      const bool saves = is_last || is_due(report.step, saving_.checkpoint_every);
      if (draws) {
        lock_->keep();
        record.try_to([&] { draw_between(report.step, record, interrupt); });
      }
      // Asked once, after the drawing: a checkpoint must not be ahead of the metrics.
      const bool stops = interrupt.requested();
      if (stops || saves || record.flush_is_due()) {
        lock_->keep();
        record.flush();
      }
      return !stops;
    });
    record.finish();
    write_png(in_folder("loss.png"), draw_loss_curve(record.rows()));
    if (!finished) return false;
    tell_outcome(record, was_finished);
    return draw_samples(in_folder("samples.png"), picture_at_end, interrupt);
  }

  static bool is_due(std::int64_t step, std::int64_t every) { return every > 0 && step % every == 0; }

  void tell_outcome(const RunRecord& record, bool was_finished) const {
    if (was_finished) {
      std::printf("trained    nothing: all steps were done before (more with --steps N)\n");
    } else {
      std::printf("trained    %lld steps in %s, %s\n", static_cast<long long>(settings_.steps),
                  duration_text(record.seconds()).c_str(), record.losses().c_str());
    }
    if (training_.state.skipped > 0) {
      std::printf("skipped    %lld of the steps, whose gradients were outliers\n",
                  static_cast<long long>(training_.state.skipped));
    }
    std::fflush(stdout);
  }

  bool draw_samples(const std::string& path, const SamplesPicture& picture, const InterruptGuard& interrupt) {
    return write_samples<Device>(path, training_.averaged(), training_.labels(), plan_.data.images, settings_,
                                 picture, interrupt);
  }

  void draw_between(std::int64_t step, const RunRecord& record, const InterruptGuard& interrupt) {
    char name[40];
    std::snprintf(name, sizeof name, "samples-%06lld.png", static_cast<long long>(step));
    draw_samples(in_folder(name), picture_between, interrupt);
    write_png(in_folder("loss.png"), draw_loss_curve(record.rows()));
  }

  const RunPlan& plan_;
  std::optional<RunLock> lock_;
  const SavingOptions& saving_;
  const TrainSettings& settings_;
  Training<Family, Policy> training_;
};

/// Trains as planned. Returns the exit status: not 0 when it was interrupted before there was anything to go
/// on with.
template <class Family, class Policy>
int train_as_planned(TrainCommand command, RunPlan plan, const RepaEncoder<Policy>& encoder,
                     const Stopwatch& elapsed) {
  const InterruptGuard interrupt;
  TrainSettings& settings = plan.configuration.settings;
  if (settings.steps == 0) {
    if (command.minutes == 0) command.minutes = 5;
    settings.steps = detail::measure_steps<Family, Policy>(command, plan, encoder, elapsed, interrupt);
    if (settings.steps == 0) {
      std::printf("stopped    before the run began: nothing was saved\n");
      return interrupt.exit_status();
    }
    std::printf("steps      %lld, as many as fit into %s (--steps %lld repeats this run)\n",
                static_cast<long long>(settings.steps), duration_text(60 * command.minutes).c_str(),
                static_cast<long long>(settings.steps));
  } else {
    std::printf("steps      %lld\n", static_cast<long long>(settings.steps));
  }
  std::fflush(stdout);

  TrainingRun<Family, Policy> run(command, plan, encoder);
  bool finished = false;
  try {
    finished = run.run(interrupt);
  } catch (const NonFiniteError&) {
    // The error itself is told by who catches it.
    detail::print_replay(plan.folder, run.step() + 1);
    throw;
  } catch (const Error&) {
    std::error_code ignored;
    if (run.step() > 0 && std::filesystem::exists(checkpoint_path(plan.folder, run.step()), ignored))
      detail::print_stopped(run.step(), plan.folder);
    throw;
  }
  if (!finished) {
    detail::print_stopped(run.step(), plan.folder);
    return 0;
  }
  std::printf("samples    %s/samples.png\n", plan.folder.c_str());
  std::string prompt;
  if (settings.text) prompt = " --prompt " + shell_word(plan.data.images.captions(0).front());
  std::printf("more       pixnerd sample --run %s%s\n", shell_word(plan.folder).c_str(), prompt.c_str());
  return 0;
}

/// Does what was asked for with a model of a kind.
template <class Family, class Device>
int train_planned(const TrainCommand& command, RunPlan plan, const Stopwatch& elapsed) {
  return with_policy<Device>(plan.configuration.settings.precision, [&](auto policy) {
    using Policy = decltype(policy);
    const auto encoder = load_repa_encoder<Policy>(plan.configuration);
    if (command.replay > 0) return replay_step<Family, Policy>(command.replay, plan, encoder);
    return train_as_planned<Family, Policy>(command, std::move(plan), encoder, elapsed);
  });
}

template <class Device>
int train_command(const TrainCommand& command) {
  const Stopwatch elapsed;
  RunPlan plan = plan_run<Device>(command);
  if (command.replay == 0) detail::print_plan(plan, command.where);
  return with_family(plan.configuration.settings.text, [&](auto family) {
    return train_planned<decltype(family), Device>(command, std::move(plan), elapsed);
  });
}

}  // namespace pixnerd::program
