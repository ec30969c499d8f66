/// \file
<<<<<<< HEAD
/// JSON of files that others wrote, read with JSON for Modern C++ and a sentence for what is wrong with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>
=======
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

>>>>>>> fuzz
#include <pixnerd/io/file.hpp>

namespace pixnerd {

<<<<<<< HEAD
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
/// JSON in UTF-8, is nested deeper than 100 levels, or has one key twice in an object.
inline nlohmann::json parse_json(std::string_view characters, const std::string& path,
                                 std::string_view where) {
  const auto refuse = [&](std::string_view expected, std::string_view got) {
    raise<FileError>(where, text(expected, " in '", path, "'"), got);
  };
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
  constexpr int most_levels = 100;
  std::size_t keys = 0;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, const nlohmann::json&) {
    using Event = nlohmann::json::parse_event_t;
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= most_levels) refuse(text("JSON of at most ", most_levels, " levels"), "more");
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

/// Reads a JSON file of at most `limit` bytes; see parse_json(). Throws FileError.
inline nlohmann::json read_json_file(const std::string& path, std::uint64_t limit, std::string_view where) {
  const auto bytes = read_file(path, limit);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, where);
=======
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
>>>>>>> fuzz
}

}  // namespace pixnerd
