// SPDX-License-Identifier: MIT
/// \file
/// Reads untrusted JSON with JSON for Modern C++, within limits, with one-sentence error messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>
#include <pixnerd/io/file.hpp>
#include <pixnerd/io/json_extent.hpp>

namespace pixnerd {

/// Limits on JSON, so that a file of a few megabytes cannot take a gigabyte as a tree.
struct JsonLimits {
  std::uint64_t bytes = 4'000'000;
  std::size_t values = 200'000;  ///< objects, arrays and what they hold; one takes up to 150 bytes
  std::size_t levels = 100;      ///< copying and writing a value recurse
  std::size_t longest_token =
      1'000'000;  ///< of strings and runs of blanks, which are held several times over
};

namespace detail {

/// Keys of all objects inside `value`, which is not deep.
inline std::size_t count_json_keys(const nlohmann::json& value) {
  if (!value.is_structured()) return 0;
  std::size_t count = value.is_object() ? value.size() : 0;
  for (const auto& inner : value) count += count_json_keys(inner);
  return count;
}

/// Which limit is exceeded; empty when none is.
inline std::string json_excess(const JsonExtent& extent, const JsonLimits& limits) {
  const auto beyond = [](auto most, const char* what) { return str_cat("more than ", most, what); };
  if (extent.has_zero) return "a byte of value 0";
  if (extent.levels > limits.levels) return beyond(limits.levels, " levels");
  if (extent.values > limits.values) return beyond(limits.values, " values");
  if (extent.longest_token > limits.longest_token)
    return beyond(limits.longest_token, " characters in one string, number or blank");
  return {};
}

}  // namespace detail

/// Parses JSON. Nothing for what is not JSON in UTF-8, is beyond the limits, or has one key twice in an
/// object; `problem`, where given, then says what.
inline std::optional<nlohmann::json> try_parse_json(std::string_view json, const JsonLimits& limits = {},
                                                    std::string* problem = nullptr) {
  const auto refuse = [&](std::string why) -> std::optional<nlohmann::json> {
    if (problem != nullptr) *problem = std::move(why);
    return {};
  };
  if (json.size() > limits.bytes) return refuse(str_cat("more than ", limits.bytes, " bytes"));
  const JsonExtent extent = measure_json(json);
  if (std::string excess = detail::json_excess(extent, limits); !excess.empty())
    return refuse(std::move(excess));
  try {
    // With a callback it looks at all that an array holds after each object in it.
    auto value = nlohmann::json::parse(json.begin(), json.end());
    if (detail::count_json_keys(value) != extent.keys) return refuse("a key that is twice in one object");
    return value;
  } catch (const nlohmann::json::parse_error& error) {
    return refuse(str_cat("an error at byte ", error.byte));
  } catch (const nlohmann::json::exception&) {  // a number outside the range of double
    return refuse("a number that is too large");
  }
}

/// The same for bytes.
inline std::optional<nlohmann::json> try_parse_json(std::span<const std::uint8_t> json) {
  return try_parse_json({reinterpret_cast<const char*>(json.data()), json.size()});
}

/// The same. `path` says in messages where the JSON came from, `where` who wants it. Throws FileError instead
/// of returning nothing.
inline nlohmann::json parse_json(std::string_view json, const std::string& path, std::string_view where,
                                 const JsonLimits& limits = {}) {
  std::string problem;
  auto value = try_parse_json(json, limits, &problem);
  if (!value) raise<FileError>(where, str_cat("JSON in '", path, "'"), problem);
  return std::move(*value);
}

/// Reads a JSON file; see parse_json(). Throws FileError.
inline nlohmann::json read_json_file(const std::string& path, std::string_view where,
                                     const JsonLimits& limits = {}) {
  const auto bytes = read_file(path, limits.bytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, where, limits);
}

}  // namespace pixnerd
