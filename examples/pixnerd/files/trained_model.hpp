// SPDX-License-Identifier: MIT
/// \file
/// A model from a training run's checkpoint or from a file of weights, ready to be used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/io/open_tensor_file.hpp>
#include <pixnerd/train/run_folder.hpp>
#include <pixnerd/train/train_state.hpp>
#include <pixnerd/zoo/model_prefixes.hpp>
#include <pixnerd/zoo/registry.hpp>

#include "train/settings_json.hpp"

namespace pixnerd::program {

/// What a checkpoint's configuration says beside the sizes of the model.
struct RunConfiguration {
  TrainSettings settings;
  std::vector<std::string> classes;  ///< their names
  std::int64_t images = 0;           ///< that are trained on
  std::int64_t held_out = 0;         ///< beside those; 0 in runs of older versions, too
  SavingOptions saving{};
  std::string encoder{};  ///< feature_encoder_key() of the one that REPA aligns with; empty: none
};

/// Under which key the metadata of a safetensors file hold it: `pixnerd convert` writes that.
inline constexpr const char* configuration_key = "pixnerd.configuration";

inline nlohmann::json configuration_to_json(const RunConfiguration& run) {
  nlohmann::json out{{"settings", settings_to_json(run.settings)},
                     {"saving", saving_to_json(run.saving)},
                     {"classes", run.classes},
                     {"images", run.images}};
  if (run.held_out > 0) out["held_out"] = run.held_out;
  if (!run.encoder.empty()) out["encoder"] = run.encoder;
  return out;
}

/// What configuration_to_json() wrote. Throws ValueError, naming the file `where`, when it is something else.
inline RunConfiguration configuration_from_json(const nlohmann::json& in, const std::string& where) {
  if (!in.is_object() || !in.contains("settings") || !in.contains("classes") || !in["classes"].is_array() ||
      !in.contains("images") || !in["images"].is_number_integer() || in["images"].get<std::int64_t>() < 0) {
    raise<ValueError>(where, "\"settings\", \"classes\" and \"images\" in the configuration", "others");
  }
  RunConfiguration out;
  out.settings = settings_from_json(in["settings"], where);
  for (const auto& name : in["classes"]) {
    if (!name.is_string()) raise<ValueError>(where, "names of classes", detail::shortened(name));
    out.classes.push_back(name);
  }
  out.images = in["images"];
  if (in.contains("held_out")) {
    if (!in["held_out"].is_number_integer() || in["held_out"].get<std::int64_t>() < 0)
      raise<ValueError>(where, "a number of images held out", detail::shortened(in["held_out"]));
    out.held_out = in["held_out"];
  }
  if (in.contains("saving")) out.saving = saving_from_json(in["saving"], where);
  if (in.contains("encoder")) {
    if (!in["encoder"].is_string())
      raise<ValueError>(where, "the name of an encoder", detail::shortened(in["encoder"]));
    out.encoder = in["encoder"];
  }
  return out;
}

/// A model in a file, not read yet, and what is known about it.
struct TrainedModel {
  std::unique_ptr<TensorFile> file;
  std::string prefix;                ///< of its parameters there
  AnyModelConfig config;             ///< its sizes
  std::string path;                  ///< the file it comes from, and where in it
  std::vector<std::string> classes;  ///< their names; empty when unknown
  std::int64_t size = 0;             ///< side of the images that it was trained on; 0 when unknown
  bool size_is_guessed = false;      ///< from that of a published model of the same sizes
  std::int64_t step = 0;             ///< 0 when unknown
  double shift = 1;                  ///< of the noise levels that it was trained on

  /// Whether it is a text-to-image model.
  bool text() const { return !std::holds_alternative<PixnerdC2iConfig>(config); }
  bool needs_encoder() const { return std::holds_alternative<PixnerdEncodedTextConfig>(config); }
  std::int64_t patch() const {
    return std::visit([](const auto& any) { return any.patch; }, config);
  }
  std::int64_t channels() const {
    return std::visit([](const auto& any) { return any.channels; }, config);
  }
};

namespace detail {

/// How the run of this program was configured in whose checkpoint a file lies; null for files elsewhere, and
/// in checkpoints of other programs. Throws FileError or ValueError when state.json is damaged.
inline nlohmann::json configuration_beside(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::error_code unknown;
  for (const char* name : {"manifest.json", "state.json"}) {
    if (!std::filesystem::exists(folder / name, unknown)) return nullptr;
  }
  const std::string state = (folder / "state.json").string();
  auto configuration = read_train_state(state).configuration;
  if (!configuration.is_object() || !configuration.contains("settings")) return nullptr;
  configuration_from_json(configuration, state);
  return configuration;
}

/// Fills in what the parameters tell and, where it is known, how the run that they come from was configured.
inline void add_sizes(TrainedModel& model, const RunConfiguration* run) {
  const TrainSettings settings = run != nullptr ? run->settings : TrainSettings{};
  model.config = any_config_of(*model.file, model.prefix, {.word_parts = settings.word_parts});
  model.size = visit_family(
      model.config, [](auto family, const auto& config) { return decltype(family)::published_size(config); });
  model.size_is_guessed = model.size > 0;
  if (run == nullptr) return;
  model.size = settings.size;
  model.size_is_guessed = false;
  model.shift = settings.shift;
  if (model.text()) return;
  const std::int64_t classes = std::get<PixnerdC2iConfig>(model.config).classes;
  if (static_cast<std::int64_t>(run->classes.size()) != classes) {
    raise<FileError>("checkpoint",
                     str_cat("names of the ", classes, " classes of the model in '", model.file->path(), "'"),
                     str_cat(run->classes.size()));
  }
  model.classes = run->classes;
}

}  // namespace detail

/// The model of a run. Throws FileError when the checkpoint does not hold what was asked for.
inline TrainedModel model_of_run(const std::string& run, bool average, std::vector<std::string>& damaged) {
  const std::string folder = find_checkpoint(run, damaged);
  const TrainState state = read_train_state(folder + "/state.json");
  const auto configuration = configuration_from_json(state.configuration, folder + "/state.json");
  TrainedModel model;
  model.path = folder + (average ? "/ema.safetensors" : "/model.safetensors");
  model.file = std::make_unique<SafetensorsFile>(model.path);
  model.step = state.step;
  detail::add_sizes(model, &configuration);
  return model;
}

/// The model of a file; see choose_model_prefix() for `average`. Throws FileError when it holds none.
inline TrainedModel model_of_file(const std::string& path, bool average) {
  TrainedModel model;
  model.file = open_tensor_file(path);
  model.prefix = choose_model_prefix(*model.file, average);
  model.path = model.prefix.empty() ? path : str_cat(path, ", ", model.prefix);
  const auto& metadata = model.file->metadata();
  std::optional<RunConfiguration> run;
  if (const auto stored = metadata.find(configuration_key); stored != metadata.end()) {
    run = configuration_from_json(parse_json(stored->second, path, "load model"), path);
  } else if (const auto beside = detail::configuration_beside(path); !beside.is_null()) {
    run = configuration_from_json(beside, path);
  }
  detail::add_sizes(model, run ? &*run : nullptr);
  return model;
}

}  // namespace pixnerd::program
