/// \file
/// Where a training run stands. With the weights and moments it is all that resuming needs: random numbers
/// are functions of the seed and the step, and the data's position is the number of samples served.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <pixnerd/core/version.hpp>
#include <pixnerd/io/json_file.hpp>

namespace pixnerd {

struct TrainState {
  std::int64_t step = 0;                                    ///< updates done
  std::int64_t samples = 0;                                 ///< samples served, those of all steps
  std::uint64_t seed = 0;                                   ///< of noise, times and label dropout
  nlohmann::json configuration = nlohmann::json::object();  ///< whatever the program needs to rebuild the run
};

/// Steps are the 32-bit counters of the random numbers.
inline constexpr std::int64_t most_steps = 0xffffffff;

/// The text of a checkpoint's state.json. Throws ValueError for a configuration beyond the limits of
/// io/json_file.hpp.
inline std::string format_train_state(const TrainState& state) {
  const nlohmann::json out = {{"library", text("pixnerd ", version)},
                              {"step", state.step},
                              {"samples", state.samples},
                              {"seed", state.seed},
                              {"configuration", state.configuration}};
  // Paths in a configuration may hold any bytes; those that are not UTF-8 are replaced.
  std::string json = out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  // A checkpoint that nobody can read must not be written.
  if (!parse_json(json)) {
    raise<ValueError>("train state",
                      text("a configuration of at most ", most_json_bytes, " bytes, ", most_json_values,
                           " values and ", most_json_levels, " levels"),
                      text("state.json of ", json.size(), " bytes"));
  }
  return json;
}

/// Reads state.json. Throws FileError when the file is missing or not what format_train_state() writes.
inline TrainState read_train_state(const std::string& path) {
  auto json = read_json_file(path, "train state");
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
