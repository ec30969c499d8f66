/// \file
/// JSON of files that nobody vouches for, read with JSON for Modern C++ within limits, and with a sentence for what is
/// wrong with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>
#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// What JSON may be at most, so that a file of a few megabytes cannot take a gigabyte as a tree.
struct JsonLimits {
  std::uint64_t bytes = 4'000'000;
  std::int64_t values = 200'000;  ///< objects, arrays and what they hold; one takes up to 130 bytes
  int levels = 100;               ///< copying and writing a value recurse
};

namespace detail {

/// Keys of all objects inside `value`, which is not deep.
inline std::size_t count_json_keys(const nlohmann::json& value) {
  if (!value.is_structured()) return 0;
  std::size_t count = value.is_object() ? value.size() : 0;
  for (const auto& inner : value) count += count_json_keys(inner);
  return count;
}

}  // namespace detail

/// Reads JSON. `path` says in messages where it came from, `where` who wants it. Throws FileError for anything that is not
/// JSON in UTF-8, is beyond the limits, or has one key twice in an object.
inline nlohmann::json parse_json(std::string_view characters, const std::string& path, std::string_view where,
                                 const JsonLimits& limits = {}) {
  const auto refuse = [&](std::string_view expected, std::string_view got) {
    raise<FileError>(where, text(expected, " in '", path, "'"), got);
  };
  if (characters.size() > limits.bytes)
    refuse(text("JSON of at most ", limits.bytes, " bytes"), text(characters.size()));
  // The library's messages repeat the white space before the place, eight-fold, and take a zero for the end.
  constexpr int most_breaks = 4096;
  int breaks = 0;
  for (const char byte : characters) {
    const auto c = static_cast<unsigned char>(byte);
    if (c == 0) refuse("JSON", "a byte of value 0");
    breaks = c < ' ' ? breaks + 1 : 0;
    if (breaks > most_breaks)
      refuse(text("JSON with at most ", most_breaks, " line breaks and tabs in a row"), "more");
  }
  std::int64_t values = 0;
  std::size_t keys = 0;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, const nlohmann::json&) {
    using Event = nlohmann::json::parse_event_t;
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= limits.levels) refuse(text("JSON of at most ", limits.levels, " levels"), "more");
    if ((opens || event == Event::value) && ++values > limits.values)
      refuse(text("JSON of at most ", limits.values, " values"), "more");
    if (event == Event::key) ++keys;
    return true;
  };
  try {
    auto value = nlohmann::json::parse(characters.begin(), characters.end(), watch);
    if (detail::count_json_keys(value) != keys)
      refuse("JSON with one value for each key of an object", "two for one");
    return value;
  } catch (const nlohmann::json::parse_error& error) {
    refuse("JSON", text("an error at byte ", error.byte));
  } catch (const nlohmann::json::exception&) {  // a number outside the range of double
    refuse("JSON", "a number that is too large");
  }
  return {};
}

/// Reads a JSON file; see parse_json(). Throws FileError.
inline nlohmann::json read_json_file(const std::string& path, std::string_view where,
                                     const JsonLimits& limits = {}) {
  const auto bytes = read_file(path, limits.bytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, where, limits);
}

}  // namespace pixnerd
