/// \file
/// Where a training run stands. With the weights and moments it is all that resuming needs: random numbers
/// are functions of the seed and the step, and the data's position is the number of samples served.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <pixnerd/core/version.hpp>
#include <pixnerd/io/file.hpp>
#include <pixnerd/train/tidy_json.hpp>

namespace pixnerd {

struct TrainState {
  std::int64_t step = 0;                                    ///< updates done
  std::int64_t samples = 0;                                 ///< samples served, those of all steps
  std::uint64_t seed = 0;                                   ///< of noise, times and label dropout
  nlohmann::json configuration = nlohmann::json::object();  ///< whatever the program needs to rebuild the run
};

/// Steps are the 32-bit counters of the random numbers.
inline constexpr std::int64_t most_steps = 0xffffffff;

/// The text of a checkpoint's state.json.
inline std::string format_train_state(const TrainState& state) {
  nlohmann::json out = nlohmann::json::object();
  const detail::TidyJson tidy(out);
  out["library"] = text("pixnerd ", version);
  out["step"] = state.step;
  out["samples"] = state.samples;
  out["seed"] = state.seed;
  out["configuration"] = state.configuration;
  // Paths in a configuration may hold any bytes; those that are not UTF-8 are replaced.
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// Reads state.json. Throws FileError when the file is missing or not what format_train_state() writes.
inline TrainState read_train_state(const std::string& path) {
  const auto bytes = read_file(path, 64 << 20);
  bool too_deep = false;
  const auto watch_depth = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
    too_deep = too_deep || depth > 100;  // copying and writing values recurse
    return !too_deep;
  };
  auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), watch_depth, /*allow_exceptions=*/false);
  const detail::TidyJson tidy(json);
  if (json.is_discarded() || too_deep) {
    raise<FileError>("train state", text("JSON, at most 100 levels deep, in '", path, "'"), "something else");
  }
  const auto number = [&](const char* key, std::uint64_t most) {
    const bool good = json.is_object() && json.contains(key) && json[key].is_number_unsigned() &&
                      json[key].get<std::uint64_t>() <= most;
    if (!good)
      raise<FileError>("train state", text("a \"", key, "\" from 0 to ", most, " in '", path, "'"), "none");
    return json[key].get<std::uint64_t>();
  };
  TrainState state;
  state.step = static_cast<std::int64_t>(number("step", most_steps));
  state.samples = static_cast<std::int64_t>(number("samples", std::uint64_t{1} << 62));
  state.seed = number("seed", ~std::uint64_t{0});
  if (!json.contains("configuration")) {
    raise<FileError>("train state", text("a \"configuration\" in '", path, "'"), "none");
  }
  state.configuration = std::move(json["configuration"]);
  return state;
}

}  // namespace pixnerd
