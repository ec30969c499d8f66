// SPDX-License-Identifier: MIT
/// \file
/// The JSON of a safetensors header, read and written with JSON for Modern C++.
///
/// The header is parsed by SAX events: whatever is not part of the format is refused on sight, so JSON is
/// never held as a tree, however long or deeply nested.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/core/shape.hpp>
#include <pixnerd/io/json_extent.hpp>
#include <pixnerd/io/safetensors/header.hpp>

namespace pixnerd::detail {

/// Builds a directory from the events of the header's JSON. Throws FileError at the first event that does not
/// fit.
class SafetensorsEvents final : public nlohmann::json::json_sax_t {
 public:
  /// `path` is for messages and must outlive this.
  explicit SafetensorsEvents(const std::string& path) : path_(path) {}

  /// The result, entries in the order of the JSON.
  TensorDirectory header;

  bool start_object(std::size_t) override {
    if (next_ != Next::object) unexpected("an object");
    return true;
  }

  bool key(std::string& key) override {
    switch (inside_) {
      case Inside::header:
        begin_member(key);
        break;
      case Inside::metadata:
        begin_metadata_value(key);
        break;
      case Inside::tensor:
        begin_field(key);
        break;
    }
    return true;
  }

  bool end_object() override {
    if (inside_ == Inside::tensor) {
      header.entries.push_back(make_safetensors_entry(std::move(name_), fields_, path_));
    }
    inside_ = Inside::header;
    return true;
  }

  bool start_array(std::size_t) override {
    if (next_ != Next::array) unexpected("an array");
    next_ = Next::number;
    return true;
  }
  bool end_array() override { return true; }

  bool string(std::string& value) override {
    if (next_ != Next::string) unexpected(str_cat("the string ", quoted_name(value)));
    count(0, value.size());
    *string_ = std::move(value);
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (next_ != Next::number || value > most) unexpected(str_cat(value));
    if (numbers_->size() == most_numbers_) {
      refuse(str_cat("at most ", most_numbers_, " numbers in \"", key_, "\""), "more");
    }
    numbers_->push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_integer(std::int64_t value) override { return unexpected(str_cat(value)); }  // has a minus sign
  bool number_float(double, const std::string& digits) override { return unexpected(shortened(digits)); }
  bool boolean(bool value) override { return unexpected(str_cat(value)); }
  bool null() override { return unexpected("null"); }
  bool binary(nlohmann::json::binary_t&) override { return unexpected("binary data"); }

  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    // Without its number and the bytes that it repeats, which may be many or unprintable.
    std::string_view what = error.what();
    what.remove_prefix(what.find(']') + 1);
    refuse("JSON", str_cat("a", shortened(what.substr(0, what.find("; last read")))));
  }

 private:
  /// The object whose keys come.
  enum class Inside : std::uint8_t { header, metadata, tensor };
  /// The value that must come.
  enum class Next : std::uint8_t { object, string, array, number };

  void count(std::size_t names, std::size_t characters) {
    names_ += names;
    characters_ += characters;
    if (names_ > safetensors_most_names) {
      refuse(str_cat("at most ", safetensors_most_names, " tensors and keys"), "more");
    }
    if (characters_ > safetensors_most_characters) {
      refuse(str_cat("at most ", safetensors_most_characters, " characters of names and metadata"), "more");
    }
  }

  void begin_member(std::string& name) {
    next_ = Next::object;
    key_.clear();
    inside_ = Inside::header;
    count(1, name.size());
    if (name == "__metadata__") {
      if (std::exchange(has_metadata_, true)) refuse("one \"__metadata__\"", "two");
      inside_ = Inside::metadata;
    } else {
      inside_ = Inside::tensor;
      name_ = std::move(name);
      fields_ = {};
    }
  }

  void begin_metadata_value(std::string& key) {
    count(1, key.size());
    const auto [place, is_new] = header.metadata.emplace(key, std::string());
    if (!is_new) refuse("one value of each key", str_cat("two ", quoted_name(key)));
    next_ = Next::string;
    key_ = std::move(key);
    string_ = &place->second;
  }

  void begin_field(std::string& key) {
    key_ = std::move(key);
    const auto begin = [this](auto& field, Next next) {
      if (field) refuse(str_cat("one \"", key_, "\""), "two");
      next_ = next;
      return &field.emplace();
    };
    if (key_ == "dtype") {
      string_ = begin(fields_.type, Next::string);
    } else if (key_ == "shape") {
      numbers_ = begin(fields_.sizes, Next::array);
      most_numbers_ = Shape::max_rank;
    } else if (key_ == "data_offsets") {
      numbers_ = begin(fields_.offsets, Next::array);
      most_numbers_ = 2;
    } else {
      refuse("only \"dtype\", \"shape\" and \"data_offsets\"", quoted_name(key_));
    }
  }

  static std::string_view shortened(std::string_view words) { return words.substr(0, 200); }

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    if (inside_ == Inside::tensor) refuse_tensor(name_, path_, expected, got);
    const auto* where = inside_ == Inside::metadata ? " in the metadata of '" : " in the header of '";
    raise<FileError>("safetensors", str_cat(expected, where, path_, "'"), got);
  }

  /// Returns a bool only to be the last word of an event.
  [[noreturn]] bool unexpected(std::string_view got) const {
    constexpr const char* kinds[] = {"an object", "a string", "an array", "non-negative integers below 2^63"};
    const std::string as = key_.empty() ? "" : str_cat(" as ", quoted_name(key_));
    refuse(str_cat(kinds[static_cast<int>(next_)], as), got);
  }

  const std::string& path_;
  Inside inside_ = Inside::header;
  Next next_ = Next::object;
  bool has_metadata_ = false;
  std::string name_;          ///< of the tensor
  SafetensorsFields fields_;  ///< of the tensor, so far
  std::string key_;           ///< inside the tensor or the metadata
  std::string* string_ = nullptr;
  std::vector<std::int64_t>* numbers_ = nullptr;
  std::size_t most_numbers_ = 0;
  std::size_t names_ = 0;       ///< so far
  std::size_t characters_ = 0;  ///< of them and of what was a value
};

/// Throws unless every string, every number and every run of blanks is short enough to be held several times
/// over, as the library does while it reads one.
inline void check_safetensors_tokens(std::string_view json, const std::string& path) {
  if (measure_json(json).longest_token <= safetensors_longest_token) return;
  raise<FileError>("safetensors",
                   str_cat("strings, numbers and blanks of at most ", safetensors_longest_token,
                           " characters in the header of '", path, "'"),
                   "longer ones");
}

/// What the library does not check by itself. Returns the JSON without the blanks behind it.
inline std::string_view check_safetensors_text(std::string_view json, const std::string& path) {
  const auto wrong = [&](std::string_view expected, std::string_view got) {
    raise<FileError>("safetensors", str_cat("a header that ", expected, " in '", path, "'"), got);
  };
  // A byte order mark and other white space would be skipped.
  if (json.empty()) wrong("begins with '{'", "an empty one");
  if (json.front() != '{') wrong("begins with '{'", "another byte");
  json = json.substr(0, json.find_last_not_of(' ') + 1);
  if (json.back() != '}') wrong("ends with '}' and blanks", "another byte");
  // A zero would be taken for the end. A message about the JSON repeats, eight-fold, the line breaks and tabs
  // before the place: gigabytes, if a header is full of them.
  constexpr int most_breaks = 4096;
  int breaks = 0;
  for (const char byte : json) {
    const auto c = static_cast<unsigned char>(byte);
    if (c == 0) wrong("is JSON", "a byte of value 0");
    if (c > ' ') breaks = 0;
    if (c < ' ' && ++breaks > most_breaks) {
      wrong(str_cat("has at most ", most_breaks, " line breaks and tabs in a row"), "more");
    }
  }
  return json;
}

/// Reads a header's JSON. `data_bytes` is what follows it in the file. Throws FileError, naming `path` and
/// the tensor, for anything that is not exactly the format.
inline TensorDirectory parse_safetensors_header(std::string_view json, std::uint64_t data_bytes,
                                                const std::string& path) {
  json = check_safetensors_text(json, path);
  check_safetensors_tokens(json, path);
  SafetensorsEvents events(path);
  nlohmann::json::sax_parse(json.data(), json.data() + json.size(), &events);
  check_safetensors_layout(events.header, data_bytes, path);
  return std::move(events.header);
}

/// The bytes before the tensors: length and JSON, padded with blanks to a multiple of 64 bytes. Throws
/// ValueError, naming `path`, for text that is not UTF-8.
inline std::string format_safetensors_header(const std::vector<TensorEntry>& entries,
                                             const TensorMetadata& metadata, const std::string& path) {
  const auto quoted = [&](const std::string& value, std::string_view what) {
    try {
      return nlohmann::json(value).dump();
    } catch (const nlohmann::json::type_error&) {
      raise<ValueError>("write safetensors", str_cat(what, " in UTF-8 for '", path, "'"), quoted_name(value));
    }
  };
  std::string json = "{\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    json += str_cat(json.back() == '{' ? "" : ",", quoted(key, "metadata"), ":", quoted(value, "metadata"));
  }
  json += '}';
  for (const auto& entry : entries) {
    json +=
        str_cat(",", quoted(entry.name, "names"), ":{\"dtype\":\"", type_name(entry.type), "\",\"shape\":[");
    for (const auto size : entry.shape) json += str_cat(json.back() == '[' ? "" : ",", size);
    json += str_cat("],\"data_offsets\":[", entry.begin, ",", entry.begin + entry.bytes, "]}");
  }
  json += '}';
  json.resize((json.size() + 8 + 63) / 64 * 64 - 8, ' ');
  std::string out(8, '\0');
  for (int k = 0; k < 8; ++k) out[k] = static_cast<char>(json.size() >> 8 * k & 0xff);
  return out + json;
}

}  // namespace pixnerd::detail
