// SPDX-License-Identifier: MIT
/// \file
/// state.json: what a checkpoint holds of a training run besides tensors.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <pixnerd/core/version.hpp>
#include <pixnerd/io/json_file.hpp>
#include <pixnerd/train/tidy_json.hpp>
#include <pixnerd/train/train_progress.hpp>

namespace pixnerd {

/// The score that compares the checkpoints of a run: lower is better.
struct CheckpointScore {
  std::string measure;  ///< "evaluation loss" or "mean training loss"; empty when there is no score
  double value = 0;     ///< finite
};

/// All that resuming needs besides weights, EMA weights and the optimizer's state.
struct TrainState : TrainProgress {
  nlohmann::json configuration = nlohmann::json::object();  ///< what the program needs to rebuild the run
  CheckpointScore score{};  ///< of the weights at this step, set when a checkpoint is saved
};

/// The text of a checkpoint's state.json. Throws ValueError for a configuration beyond the limits of
/// io/json_file.hpp.
inline std::string format_train_state(const TrainState& state) {
  nlohmann::json out = nlohmann::json::object();
  const detail::TidyJson tidy(out);
  const auto set_mean = [&](const char* name, const RunningMean& of) {
    // Made an object first: assigning a key to a null value would leave it null when allocation fails.
    auto& entry = out[name] = nlohmann::json::object();
    entry["mean"] = of.mean;
    entry["count"] = of.count;
  };
  out["library"] = str_cat("pixnerd ", version);
  out["step"] = state.step;
  out["samples"] = state.samples;
  out["seed"] = state.seed;
  out["skipped"] = state.skipped;
  set_mean("loss", state.loss);
  set_mean("grad_norm", state.grad_norm);
  out["configuration"] = state.configuration;
  if (!state.score.measure.empty()) {
    auto& entry = out["score"] = nlohmann::json::object();
    entry["measure"] = state.score.measure;
    entry["value"] = state.score.value;
  }
  // Paths in a configuration may hold any bytes; those that are not UTF-8 are replaced.
  std::string json = out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  // Never write a checkpoint that cannot be read again.
  try {
    auto again = parse_json(json, "state.json", "train state");
    const detail::TidyJson tidy_again(again);
  } catch (const FileError& error) {
    raise<ValueError>("train state", "a configuration that can be read again", error.what());
  }
  return json;
}

/// Reads state.json. The means and the score, which older versions did not write, may be missing. Throws
/// FileError when the file is missing or not what format_train_state() writes.
inline TrainState read_train_state(const std::string& path) {
  auto json = read_json_file(path, "train state");
  const detail::TidyJson tidy(json);
  const auto number = [&](const char* key, std::uint64_t most) {
    const bool good = json.is_object() && json.contains(key) && json[key].is_number_unsigned() &&
                      json[key].get<std::uint64_t>() <= most;
    if (!good)
      raise<FileError>("train state", str_cat("a \"", key, "\" from 0 to ", most, " in '", path, "'"),
                       "none");
    return json[key].get<std::uint64_t>();
  };
  TrainState state;
  state.step = static_cast<std::int64_t>(number("step", most_steps));
  state.samples = static_cast<std::int64_t>(number("samples", std::uint64_t{1} << 62));
  state.seed = number("seed", ~std::uint64_t{0});
  if (!json.contains("configuration")) {
    raise<FileError>("train state", str_cat("a \"configuration\" in '", path, "'"), "none");
  }
  state.configuration = std::move(json["configuration"]);
  if (json.contains("skipped")) state.skipped = static_cast<std::int64_t>(number("skipped", most_steps));
  const auto wrong = [&](const char* expected, const char* key) {
    raise<FileError>("train state", str_cat(expected, " \"", key, "\" in '", path, "'"), json[key].dump());
  };
  const auto mean = [&](const char* key, RunningMean& into) {
    if (!json.contains(key)) return;
    const auto& from = json[key];
    const bool good = from.is_object() && from.contains("mean") && from["mean"].is_number() &&
                      from.contains("count") && from["count"].is_number_unsigned() &&
                      from["count"].get<std::uint64_t>() <= std::uint64_t{most_steps};
    if (!good) wrong("\"mean\" and \"count\" of a", key);
    into = {from["mean"].get<double>(), from["count"].get<std::int64_t>()};
  };
  mean("loss", state.loss);
  mean("grad_norm", state.grad_norm);
  if (json.contains("score")) {
    const auto& from = json["score"];
    const bool good = from.is_object() && from.contains("measure") && from["measure"].is_string() &&
                      from.contains("value") && from["value"].is_number();
    if (!good) wrong("\"measure\" and \"value\" of a", "score");
    state.score = {from["measure"].get<std::string>(), from["value"].get<double>()};
  }
  return state;
}

}  // namespace pixnerd
