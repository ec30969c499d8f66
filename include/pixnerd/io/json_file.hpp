/// \file
/// JSON files that nobody vouches for: read within limits of size, depth and number of values, so that a file of
/// a few megabytes cannot take a gigabyte as a tree.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// The largest JSON file that is read as a whole.
inline constexpr std::uint64_t most_json_bytes = 4'000'000;
/// The most values of one, counting objects, arrays and what they hold; a value takes up to 130 bytes.
inline constexpr int most_json_values = 200'000;
/// The most levels of one: copying and writing a value recurse.
inline constexpr int most_json_levels = 100;

/// Parses JSON of at most these limits; nothing where it is anything else.
inline std::optional<nlohmann::json> parse_json(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > most_json_bytes) return {};
  using Event = nlohmann::json::parse_event_t;
  int values = 0;
  bool too_much = false;
  // Refusing a value keeps it, and all that follows, out of the tree.
  const auto within_limits = [&](int depth, Event event, const nlohmann::json&) {
    if (event == Event::object_start || event == Event::array_start || event == Event::value) ++values;
    too_much = too_much || depth > most_json_levels || values > most_json_values;
    return !too_much;
  };
  auto out = nlohmann::json::parse(bytes.begin(), bytes.end(), within_limits, /*allow_exceptions=*/false);
  if (out.is_discarded() || too_much) return {};
  return out;
}

/// The same for text.
inline std::optional<nlohmann::json> parse_json(std::string_view characters) {
  return parse_json(std::span(reinterpret_cast<const std::uint8_t*>(characters.data()), characters.size()));
}

/// Reads a JSON file. Throws FileError, naming it and beginning with `where`, when it is missing, not JSON, or
/// beyond the limits.
inline nlohmann::json read_json_file(const std::string& path, std::string_view where) {
  auto out = parse_json(read_file(path, most_json_bytes));
  if (!out) {
    raise<FileError>(where,
                     text("JSON, at most ", most_json_levels, " levels deep and of at most ",
                          most_json_values, " values, in '", path, "'"),
                     "something else");
  }
  return std::move(*out);
}

}  // namespace pixnerd
