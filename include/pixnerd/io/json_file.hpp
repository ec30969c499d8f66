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
#include <pixnerd/io/json_extent.hpp>

namespace pixnerd {

/// The largest JSON file that is read as a whole.
inline constexpr std::uint64_t most_json_bytes = 4'000'000;
/// The most values of one, counting objects, arrays and what they hold; a value takes up to 150 bytes.
inline constexpr std::size_t most_json_values = 200'000;
/// The most levels of one: copying and writing a value recurse.
inline constexpr std::size_t most_json_levels = 100;
/// The longest string or run of blanks, which the library holds several times over.
inline constexpr std::size_t longest_json_token = 1'000'000;

/// Parses JSON within these limits; nothing where it is anything else.
inline std::optional<nlohmann::json> parse_json(std::string_view json) {
  if (json.size() > most_json_bytes) return {};
  const JsonExtent extent = measure_json(json);
  const bool fits = extent.values <= most_json_values && extent.levels <= most_json_levels &&
                    extent.longest_token <= longest_json_token && !extent.has_zero;
  if (!fits) return {};
  auto out = nlohmann::json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (out.is_discarded()) return {};
  return out;
}

/// The same for bytes.
inline std::optional<nlohmann::json> parse_json(std::span<const std::uint8_t> bytes) {
  return parse_json(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

/// Reads a JSON file. Throws FileError, naming it and beginning with `where`, when it is missing, not JSON, or
/// beyond the limits.
inline nlohmann::json read_json_file(const std::string& path, std::string_view where) {
  auto out = parse_json(read_file(path, most_json_bytes));
  if (!out) {
    raise<FileError>(where,
                     text("JSON, at most ", most_json_levels, " levels deep and of at most ",
                          most_json_values, " values and no long strings, in '", path, "'"),
                     "something else");
  }
  return std::move(*out);
}

}  // namespace pixnerd
