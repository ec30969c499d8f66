// SPDX-License-Identifier: MIT
/// \file
/// The header of NumPy's .npy format: element type, order and shape of one array.
///
/// The bytes are "\x93NUMPY", the version 1.0, 2.0 or 3.0, the length of the text that follows in 2 bytes
/// (version 1.0) or 4, little-endian, and that text, a dictionary of Python:
///
///     {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }
///
/// padded with spaces and ended by a newline; the elements follow
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/tensor_entry.hpp>

namespace pixnerd {

/// One array of a file. `begin` counts from the beginning of its .npy bytes.
struct NpyEntry : TensorEntry {
  bool fortran_order = false;  ///< whether its elements lie column by column
};

namespace detail {

struct NpyType {
  std::string_view descr;
  TensorType type;
};

/// Accepted types: little-endian numbers, and single bytes, where order does not matter.
inline constexpr NpyType npy_types[] = {
    {"<f8", TensorType::f64}, {"<f4", TensorType::f32}, {"<f2", TensorType::f16},
    {"<i8", TensorType::i64}, {"<i4", TensorType::i32}, {"<i2", TensorType::i16},
    {"|i1", TensorType::i8},  {"|u1", TensorType::u8},  {"|b1", TensorType::boolean}};

/// Bytes before the text of a header of version 2.0, the longer ones.
inline constexpr std::size_t npy_prefix_bytes = 12;
/// The longest header text that is accepted; NumPy's own limit.
inline constexpr std::size_t npy_text_limit = 10'000;

/// Parses the text of a header. Each key must occur exactly once, and no other may occur.
class NpyText {
 public:
  /// `where` names the array in messages.
  NpyText(std::string_view characters, std::string_view where) : rest_(characters), where_(where) {}

  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> sizes;

  void parse() {
    expect('{');
    while (!take('}')) {
      const std::string key(quoted("a key"));
      expect(':');
      if (key == "descr") {
        set(descr, key, [this] { return std::string(quoted("a plain element type")); });
      } else if (key == "fortran_order") {
        set(fortran_order, key, [this] { return boolean(); });
      } else if (key == "shape") {
        set(sizes, key, [this] { return tuple(); });
      } else {
        refuse("'descr', 'fortran_order' and 'shape'", quoted_name(key));
      }
      if (take(',')) continue;
      expect('}');
      break;
    }
    skip_blanks();
    if (rest_ != "\n") refuse("blanks and a line break at the end", "something else");
    const char* missing = !descr           ? "'descr'"
                          : !fortran_order ? "'fortran_order'"
                          : !sizes         ? "'shape'"
                                           : nullptr;
    if (missing != nullptr) refuse(missing, "none");
  }

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>("npy", str_cat(expected, " in the header of ", where_), got);
  }

 private:
  template <class T, class Read>
  void set(std::optional<T>& field, std::string_view key, Read read) {
    if (field) refuse(str_cat("one '", key, "'"), "two");
    field = read();
  }

  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// What was found instead, for messages.
  std::string next() const { return rest_.empty() ? "its end" : quoted_name(rest_.substr(0, 20)); }

  void expect(char c) {
    if (!take(c)) refuse(str_cat("'", c, "'"), next());
  }

  /// The characters between quotes of either kind. Escapes are not read: no key or type needs one.
  std::string_view quoted(std::string_view what) {
    skip_blanks();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '\'' && quote != '"') refuse(str_cat(what, " in quotes"), next());
    const auto end = rest_.find(quote, 1);
    if (end == rest_.npos) refuse(str_cat(what, " in quotes"), "no second quote");
    const auto inside = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return inside;
  }

  bool boolean() {
    skip_blanks();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    refuse("True or False as 'fortran_order'", next());
  }

  std::int64_t integer() {
    skip_blanks();
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (digits == 0 || (digits > 1 && rest_.front() == '0'))
      refuse("non-negative integers in 'shape'", next());
    std::int64_t value = 0;
    for (const char c : rest_.substr(0, digits)) {
      const std::int64_t digit = c - '0';
      if (value > (most - digit) / 10) refuse("integers below 2^63 in 'shape'", next());
      value = 10 * value + digit;
    }
    rest_.remove_prefix(digits);
    return value;
  }

  /// (), (2,), (2, 3), (2, 3, ).
  std::vector<std::int64_t> tuple() {
    expect('(');
    std::vector<std::int64_t> out;
    while (!take(')')) {
      if (out.size() == Shape::max_rank)
        refuse(str_cat("at most ", Shape::max_rank, " numbers in 'shape'"), "more");
      out.push_back(integer());
      if (take(',')) continue;
      expect(')');
      if (out.size() == 1) refuse("a tuple as 'shape'", "a number in parentheses");
      break;
    }
    return out;
  }

  std::string_view rest_;
  std::string_view where_;
};

/// The offset of the elements in .npy bytes, right after the header. `prefix` holds at least the first
/// npy_prefix_bytes bytes. Throws FileError for another format, another version, or a text beyond the limit.
inline std::size_t npy_data_begin(std::span<const std::uint8_t> prefix, std::string_view where) {
  const auto refuse = [&](std::string_view expected, std::string_view got) {
    raise<FileError>("npy", str_cat(expected, " in ", where), got);
  };
  constexpr std::string_view magic = "\x93NUMPY";
  if (prefix.size() < npy_prefix_bytes) refuse("at least 12 bytes", str_cat(prefix.size()));
  if (!std::equal(magic.begin(), magic.end(), prefix.begin(),
                  [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; })) {
    refuse("a NumPy array", "other bytes");
  }
  const int major = prefix[6], minor = prefix[7];
  if (major < 1 || major > 3 || minor != 0) refuse("version 1.0, 2.0 or 3.0", str_cat(major, ".", minor));
  const std::size_t width = major == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = width; i > 0; --i) length = length << 8 | prefix[7 + i];
  if (length > npy_text_limit)
    refuse(str_cat("a header of at most ", npy_text_limit, " bytes"), str_cat(length));
  return 8 + width + length;
}

/// Reads the header of .npy bytes of `total` bytes in all; `header` is all of them up to where the elements
/// begin. Throws FileError, naming `where`, for anything but a whole array of a known type.
inline NpyEntry parse_npy_header(std::span<const std::uint8_t> header, std::uint64_t total,
                                 std::string_view where) {
  const std::size_t text_begin = header[6] == 1 ? 10 : 12;
  const auto characters = header.subspan(text_begin);
  NpyText fields({reinterpret_cast<const char*>(characters.data()), characters.size()}, where);
  fields.parse();
  const auto* found = std::find_if(std::begin(npy_types), std::end(npy_types),
                                   [&](const NpyType& type) { return type.descr == *fields.descr; });
  if (found == std::end(npy_types)) {
    fields.refuse("a 'descr' of <f8, <f4, <f2, <i8, <i4, <i2, |i1, |u1, |b1", quoted_name(*fields.descr));
  }
  const auto bytes = tensor_bytes(found->type, *fields.sizes);
  if (!bytes) fields.refuse("fewer than 2^63 bytes", "sizes whose product is larger");
  NpyEntry entry;
  entry.type = found->type;
  for (const auto size : *fields.sizes) entry.shape.push_back(size);
  entry.begin = header.size();
  entry.bytes = *bytes;
  entry.fortran_order = *fields.fortran_order;
  if (total - header.size() != *bytes) {
    raise<FileError>("npy",
                     str_cat(*bytes, " bytes of elements (", found->descr, " ", entry.shape, ") in ", where),
                     str_cat(total - header.size()));
  }
  return entry;
}

}  // namespace detail
}  // namespace pixnerd
