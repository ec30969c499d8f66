// SPDX-License-Identifier: MIT
/// \file
/// What a training run will do, decided and checked before its first file is written.
#pragma once

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/nn/precision_by_name.hpp>
#include "commands.hpp"
#include "files/trained_model.hpp"
#include "train/datasets.hpp"
#include "train/model_sizes.hpp"
#include "train/repa.hpp"
#include "train/start_weights.hpp"
#include "train/training.hpp"

namespace pixnerd::program {

/// A run that can be started.
struct RunPlan {
  std::string folder;
  std::string checkpoint;          ///< where to go on; empty for a new run
  RunConfiguration configuration;  ///< its number of steps is 0 while it must be measured
  OpenedData data;
  std::int64_t parameters = 0;  ///< of the model
  std::optional<RepaPlan> repa{};
  std::optional<RunLock> lock{};  ///< of a run that goes on: what it goes on from must not change meanwhile
};

namespace detail {

/// Whether a folder is missing or empty. Throws FileError when that cannot be told.
inline bool is_free(const std::string& folder) {
  std::error_code error;
  const auto status = std::filesystem::status(folder, error);
  if (status.type() == std::filesystem::file_type::not_found) return true;
  if (status.type() == std::filesystem::file_type::none)
    raise<FileError>("train", str_cat("a readable place '", folder, "'"), error.message());
  return std::filesystem::is_directory(status) && std::filesystem::is_empty(folder, error) && !error;
}

/// Throws FileError unless a new run may have a folder.
inline void check_free(const std::string& folder) {
  if (is_free(folder)) return;
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(folder, ignored);
  raise<FileError>("train", str_cat("a new folder '", folder, "'"),
                   !is_folder ? "something else of that name (--run names another)"
                   : checkpoint_steps(folder).empty()
                       ? "one with other files, and no checkpoint to go on from (--run names another)"
                       : "one that is in use (--resume goes on with its run, --run names another)");
}

/// The settings of the run that is resumed. Throws ValueError when the command line contradicts them; only
/// the places of the data and of the encoder and the number of steps may change.
inline TrainSettings resumed_settings(const TrainCommand& command, const TrainSettings& stored,
                                      std::int64_t step, const std::string& folder) {
  const auto asked = settings_to_json(command.settings), before = settings_to_json(stored);
  for (const auto& name : command.given) {
    if (name == "data" || name == "steps" || !asked.contains(name) || asked.at(name) == before.at(name))
      continue;
    if (name == "precision" && command.settings.precision == "auto") continue;
    if (name == "repa" && !stored.repa.empty() && !command.settings.repa.empty()) continue;
    if (name == "repa-block" && command.settings.repa_block == 0) continue;
    raise<ValueError>(
        "resume",
        str_cat("--", name, " ", before.at(name).dump(), " as at the start of the run '", folder, "'"),
        asked.at(name).dump());
  }
  TrainSettings settings = stored;
  if (command.given.contains("data")) settings.data = command.settings.data;
  if (command.given.contains("repa")) settings.repa = command.settings.repa;
  if (command.given.contains("steps")) settings.steps = command.settings.steps;
  if (settings.steps < step) {
    raise<ValueError>("resume",
                      str_cat("--steps of at least the ", step, " that the run '", folder, "' has done"),
                      str_cat(settings.steps));
  }
  check_settings(settings);
  return settings;
}

/// Those of the run that is resumed, but for what the command line gives.
inline SavingOptions resumed_saving(const TrainCommand& command, const SavingOptions& stored) {
  auto given = saving_to_json(stored);
  const auto asked = saving_to_json(command.saving);
  for (const auto& name : command.given) {
    if (asked.contains(name)) given[name] = asked[name];
  }
  return saving_from_json(given, "resume");
}

/// The newest checkpoint that a step can be replayed from. Throws FileError when there is none.
inline std::string checkpoint_before(const std::string& folder, std::int64_t step,
                                     std::vector<std::string>& damaged) {
  auto newest = newest_checkpoint(folder, step);
  if (newest.path.empty()) {
    raise<FileError>("replay", str_cat("a checkpoint before step ", step, " in '", folder, "'"),
                     "none (without --resume a run is replayed from its start)");
  }
  damaged = std::move(newest.damaged);
  return newest.path;
}

/// Throws FileError when a run that goes on does not find its images, or its encoder, where they were.
inline void check_all_is_there(const TrainSettings& settings) {
  const bool is_path = settings.data != "emoji" && settings.data != "fashion-mnist";
  if (is_path && !pixnerd::detail::path_exists(settings.data))
    raise<FileError>("resume", "--data PATH, for the images of the run are not where they were",
                     str_cat("nothing at '", settings.data, "'"));
  if (settings.repa.empty()) return;
  const std::string problem = pixnerd::detail::absence_of_file(settings.repa);
  if (!problem.empty())
    raise<FileError>("resume", "--repa FILE, for the encoder of the run is not where it was", problem);
}

/// Throws ValueError when the images are not those that the run was started with.
inline void check_same_data(const RunConfiguration& now, const RunConfiguration& before) {
  // With another number held out, others are, too.
  const bool same_part = before.held_out == 0 || now.held_out == before.held_out;
  if (now.images == before.images && same_part && now.classes == before.classes) return;
  const auto count = [](const RunConfiguration& run) {
    const std::string more = run.held_out > 0 ? str_cat(" and ", run.held_out, " held out") : "";
    return str_cat(run.images, " images", more, " of ", run.classes.size(), " classes");
  };
  raise<ValueError>("resume",
                    str_cat(count(before), " in '", now.settings.data, "' as at the start of the run"),
                    now.images == before.images && same_part ? "as many of other classes" : count(now));
}

}  // namespace detail

/// Decides on everything but the number of steps of a run that is given minutes. Throws FileError or
/// ValueError for whatever would keep the run from starting; nothing was changed then.
template <class Device>
RunPlan plan_run(const TrainCommand& command) {
  TrainSettings settings = command.settings;
  std::string folder = command.run;
  if (folder.empty()) {
    if (settings.data.empty()) raise<ValueError>("resume", "--run DIR or --data NAME", "neither");
    folder = "runs/" + data_name(settings.data);
  }
  std::string checkpoint;
  std::optional<RunLock> lock;
  RunConfiguration before;
  if (command.resume) {
    if (command.minutes > 0) {
      raise<ValueError>("resume", "--steps N to change how long the run is",
                        "--minutes, which new runs take");
    }
    if (pixnerd::detail::path_exists(folder + "/manifest.json")) {
      raise<ValueError>("resume", "--run with the folder of a run",
                        str_cat("'", folder, "', which is that of a checkpoint"));
    }
    if (command.replay == 0 && std::filesystem::is_directory(folder)) lock.emplace(folder);
    std::vector<std::string> damaged;
    checkpoint = command.replay > 0 ? detail::checkpoint_before(folder, command.replay, damaged)
                                    : find_checkpoint(folder, damaged);
    for (const auto& problem : damaged)
      std::fprintf(stderr, "passed over a damaged checkpoint: %s\n", problem.c_str());
    const std::string path = checkpoint + "/state.json";
    const TrainState state = read_train_state(path);
    before = configuration_from_json(state.configuration, path);
    settings = detail::resumed_settings(command, before.settings, state.step, folder);
  } else {
    if (command.replay > 0 && !command.given.contains("steps")) {
      raise<ValueError>("replay", "--steps N as in the run, or --resume", "neither");
    }
    if (command.replay == 0) detail::check_free(folder);
    if (!settings.start_from.empty()) settings = settings_of_start(command, settings);
    const bool is_given = command.given.contains("steps");
    TrainSettings checked = settings;
    if (!is_given) checked.steps = 1;
    check_settings(checked);
    if (!is_given) settings.steps = 0;
    settings.precision = precision_of<Device>(settings.precision);
  }

  if (command.replay > settings.steps && settings.steps > 0) {
    raise<ValueError>("replay", str_cat("--replay with one of the ", settings.steps, " steps"),
                      str_cat(command.replay));
  }
  if (!settings.repa.empty() && settings.repa_block == 0) settings.repa_block = default_repa_block(settings);
  if (command.resume) detail::check_all_is_there(settings);
  const std::optional<RepaPlan> repa = plan_repa(settings);
  OpenedData data = open_data(settings);
  RunConfiguration configuration{settings, class_names(data.images), data.images.size()};
  configuration.saving = command.saving;
  if (settings.hold_out > 0) configuration.held_out = data.compared.size();
  if (command.resume) {
    detail::check_same_data(configuration, before);
    configuration.saving = detail::resumed_saving(command, before.saving);
    configuration.encoder = before.encoder;
  }
  const std::int64_t parameters = with_family(settings.text, [&](auto family) {
    return check_fits_into_memory<decltype(family)>(settings, data.images.class_count(), repa, command.where);
  });
  return {
      std::move(folder), std::move(checkpoint), std::move(configuration), std::move(data), parameters, repa,
      std::move(lock)};
}

}  // namespace pixnerd::program
