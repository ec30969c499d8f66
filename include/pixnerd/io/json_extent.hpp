// SPDX-License-Identifier: MIT
/// \file
/// Estimates the memory that parsing a JSON text would take, without parsing it: JSON for Modern C++ keeps
/// all values, and several copies of the string or number it is at.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace pixnerd {

/// Upper bounds on the contents of a JSON text; for a malformed one, up to the error.
struct JsonExtent {
  std::size_t values = 0;  ///< counting objects, arrays, and what they hold
  std::size_t levels = 0;  ///< of objects and arrays, one in the other
  std::size_t keys = 0;    ///< of all objects, those that are twice in one counted twice
  /// Characters of a string, a number, or blanks; line breaks and tabs count eight-fold.
  std::size_t longest_token = 0;
  bool has_zero = false;  ///< a byte of value 0, which the library takes for the end of the text
};

/// Measures a text in one pass, without allocating.
inline JsonExtent measure_json(std::string_view json) {
  JsonExtent out;
  out.values = json.empty() ? 0 : 1;
  std::size_t level = 0, length = 0;
  bool in_string = false, escaped = false;
  for (const char byte : json) {
    // Messages write control characters as "<U+000A>".
    length += byte >= 0 && byte < ' ' ? 8 : 1;
    out.has_zero = out.has_zero || byte == '\0';
    if (in_string) {
      in_string = byte != '"' || escaped;
      escaped = byte == '\\' && !escaped;
    } else {
      switch (byte) {
        case '"':
          in_string = true;
          length = 0;
          break;
        case '{':
        case '[':
          out.levels = std::max(out.levels, ++level);
          [[fallthrough]];
        case ',':
          ++out.values;
          length = 0;
          break;
        case '}':
        case ']':
          if (level > 0) --level;
          length = 0;
          break;
        case ':':
          ++out.keys;
          length = 0;
          break;
        default:
          break;
      }
    }
    out.longest_token = std::max(out.longest_token, length);
  }
  return out;
}

}  // namespace pixnerd
