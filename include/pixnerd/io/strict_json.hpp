/// \file
/// JSON files of any size that others wrote, read whole: a sentence says what is wrong and where. For small files,
/// json_file.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>
#include <pixnerd/io/file.hpp>

namespace pixnerd {

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
/// JSON in UTF-8, is nested deeper than 100 levels, has more than three million values, or one key twice in an object.
inline nlohmann::json parse_strict_json(std::string_view characters, const std::string& path,
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
  constexpr std::size_t most_values = 3'000'000;  // the largest published tokenizers have two million
  std::size_t keys = 0, values = 0;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, const nlohmann::json&) {
    using Event = nlohmann::json::parse_event_t;
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= most_levels) refuse(text("JSON of at most ", most_levels, " levels"), "more");
    if (event == Event::key) ++keys;
    if ((opens || event == Event::value) && ++values > most_values) {
      refuse(text("JSON of at most ", most_values, " values"), "more");
    }
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

/// Reads a JSON file of at most `limit` bytes; see parse_strict_json(). Throws FileError.
inline nlohmann::json read_strict_json(const std::string& path, std::uint64_t limit, std::string_view where) {
  const auto bytes = read_file(path, limit);
  return parse_strict_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, where);
}

}  // namespace pixnerd
