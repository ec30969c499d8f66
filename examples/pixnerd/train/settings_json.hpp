// SPDX-License-Identifier: MIT
/// \file
/// Settings in a checkpoint's configuration.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "train/settings.hpp"

namespace pixnerd::program {

namespace detail {

/// A value for a message, cut where it is long.
inline std::string shortened(const nlohmann::json& value) {
  const std::string all =
      value.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  return all.size() <= 200 ? all : all.substr(0, 200) + "...";
}

struct SettingWriter {
  nlohmann::json& out;

  void section(const char*) {}
  template <class T, class... Rest>
  void operator()(const char* name, const T& value, const Rest&...) {
    out[name] = value;
  }
};

struct SettingReader {
  const nlohmann::json& in;
  std::string_view where;

  void section(const char*) {}
  template <class T, class... Rest>
  void operator()(const char* name, T& value, const Rest&...) {
    const auto found = in.find(name);
    if (found == in.end()) {
      if constexpr (std::is_same_v<T, std::string>) {
        // Runs that are older than the choice were all in float32.
        if (std::string_view(name) == "precision") {
          value = "full";
          return;
        }
      }
      // Older runs skipped nothing, held nothing out, aligned nothing, began with random weights, and knew no
      // text and no skin tones: the defaults.
      for (const std::string_view newer :
           {"skip-outliers", "hold-out", "skin-tones", "text", "words", "word-rows", "word-parts",
            "text-depth", "start-from", "repa", "repa-weight", "repa-block"}) {
        if (name == newer) return;
      }
    }
    if (found == in.end()) refuse_setting(where, name, "among the settings", "none");
    const bool fits = std::is_same_v<T, std::string> ? found->is_string()
                      : std::is_same_v<T, bool>      ? found->is_boolean()
                      : std::is_integral_v<T>        ? found->is_number_integer()
                                                     : found->is_number();
    if (!fits) refuse_setting(where, name, "with a value of its kind", shortened(*found));
    value = found->template get<T>();
  }
};

/// Takes what is there: older runs kept no saving options.
struct SavingReader {
  const nlohmann::json& in;
  std::string_view where;

  void operator()(const char* name, std::int64_t& value, std::int64_t least) {
    const auto found = in.find(name);
    if (found == in.end()) return;
    if (!found->is_number_integer() || *found < least || *found > SavingOptions::most)
      refuse_setting(where, name, str_cat("from ", least, " to ", SavingOptions::most), shortened(*found));
    value = found->get<std::int64_t>();
  }
};

}  // namespace detail

inline nlohmann::json saving_to_json(const SavingOptions& saving) {
  nlohmann::json out = nlohmann::json::object();
  SavingOptions::visit(saving, detail::SettingWriter{out});
  return out;
}

/// What saving_to_json() wrote. Throws ValueError, naming the file `where`, for a value out of its range.
inline SavingOptions saving_from_json(const nlohmann::json& in, std::string_view where) {
  if (!in.is_object()) raise<ValueError>(where, "saving options", "something else");
  SavingOptions saving;
  SavingOptions::visit(saving, detail::SavingReader{in, where});
  return saving;
}

inline nlohmann::json settings_to_json(const TrainSettings& settings) {
  nlohmann::json out = nlohmann::json::object();
  TrainSettings::visit(settings, detail::SettingWriter{out});
  return out;
}

/// What settings_to_json() wrote. Throws ValueError, naming the file `where`, when a setting is missing or
/// bad.
inline TrainSettings settings_from_json(const nlohmann::json& in, std::string_view where) {
  if (!in.is_object()) raise<ValueError>(where, "settings", "something else");
  TrainSettings settings;
  TrainSettings::visit(settings, detail::SettingReader{in, where});
  check_settings(settings, where);
  return settings;
}

}  // namespace pixnerd::program
