/// \file
/// A model from a training run's checkpoint or from a file of weights, ready to be used.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/io/open_tensor_file.hpp>
#include <pixnerd/train/run_folder.hpp>
#include <pixnerd/train/train_state.hpp>

#include "model_file.hpp"
#include "settings_json.hpp"

namespace pixnerd::program {

/// What a checkpoint's configuration says beside the sizes of the model.
struct RunConfiguration {
  TrainSettings settings;
  std::vector<std::string> classes;  ///< their names
  std::int64_t images = 0;           ///< in the data set
  SavingOptions saving{};
};

inline nlohmann::json configuration_to_json(const RunConfiguration& run) {
  return {{"settings", settings_to_json(run.settings)},
          {"saving", saving_to_json(run.saving)},
          {"classes", run.classes},
          {"images", run.images}};
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
  if (in.contains("saving")) out.saving = saving_from_json(in["saving"], where);
  return out;
}

/// The checkpoint that `--run` means: the newest of a run's folder, or the folder of one checkpoint. Throws
/// FileError when there is none. `damaged` receives a sentence for each newer one that is damaged.
inline std::string find_checkpoint(const std::string& run, std::vector<std::string>& damaged) {
  if (std::filesystem::exists(run + "/manifest.json")) {
    const std::string problem = manifest_problem(run);
    if (!problem.empty()) raise<FileError>("checkpoint", text("a whole checkpoint '", run, "'"), problem);
    return run;
  }
  if (!std::filesystem::is_directory(run)) {
    raise<FileError>("run folder", text("the folder of a training run '", run, "'"), "none");
  }
  auto newest = newest_checkpoint(run);
  if (newest.path.empty()) raise<FileError>("run folder", text("a checkpoint in '", run, "'"), "none");
  damaged = std::move(newest.damaged);
  return newest.path;
}

/// A model and what is known about it.
template <class Device, class Precision>
struct TrainedModel {
  PixnerdC2i<Device, Precision> model;
  std::string path;                  ///< the file it comes from, and where in it
  std::vector<std::string> classes;  ///< their names; empty when unknown
  std::int64_t size = 0;             ///< side of the images that it was trained on; 0 when unknown
  std::int64_t step = 0;             ///< 0 when unknown
  double shift = 1;                  ///< of the noise levels that it was trained on
};

/// The model of a run. Throws FileError when the checkpoint does not hold what was asked for.
template <class Device, class Precision>
TrainedModel<Device, Precision> model_of_run(const std::string& run, bool average,
                                             std::vector<std::string>& damaged) {
  const std::string folder = find_checkpoint(run, damaged);
  const TrainState state = read_train_state(folder + "/state.json");
  const auto configuration = configuration_from_json(state.configuration, folder + "/state.json");
  const std::string path = folder + (average ? "/ema.safetensors" : "/model.safetensors");
  auto model = load_model<Device, Precision>(SafetensorsFile(path));
  if (static_cast<std::int64_t>(configuration.classes.size()) != model.config().classes) {
    raise<FileError>("checkpoint",
                     text("names of the ", model.config().classes, " classes of the model in '", folder, "'"),
                     text(configuration.classes.size()));
  }
  return {std::move(model),
          path,
          configuration.classes,
          configuration.settings.size,
          state.step,
          configuration.settings.shift};
}

/// The model of a file. Where it holds several, `average` prefers those whose prefix speaks of an average
/// ("ema_denoiser"). Throws FileError when it holds none.
template <class Device, class Precision>
TrainedModel<Device, Precision> model_of_file(const std::string& path, bool average) {
  const auto file = open_tensor_file(path);
  const auto prefixes = model_prefixes(*file);
  if (prefixes.empty()) {
    raise<FileError>("load model", text("a class-conditional PixNerd in '", path, "'"),
                     "no tensor \"s_embedder.proj.weight\", bare or below param, denoiser or ema");
  }
  const auto is_average = [](const std::string& prefix) { return prefix.find("ema") != prefix.npos; };
  auto chosen = std::find_if(prefixes.begin(), prefixes.end(),
                             [&](const std::string& prefix) { return is_average(prefix) == average; });
  if (chosen == prefixes.end()) chosen = prefixes.begin();
  auto model = load_model<Device, Precision>(*file, *chosen);
  const std::int64_t size = published_size(model.config());
  return {std::move(model), chosen->empty() ? path : text(path, ", ", *chosen), {}, size};
}

}  // namespace pixnerd::program
