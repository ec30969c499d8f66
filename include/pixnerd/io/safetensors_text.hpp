/// \file
/// The part of JSON that a safetensors header consists of: objects, arrays, strings and unsigned integers.
///
/// The header's nesting is fixed, so its reader asks for what must come next and never recurses: no text,
/// however deeply nested, can exhaust the stack. A general JSON library costs four seconds in every file that
/// includes it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <pixnerd/core/error.hpp>

namespace pixnerd::detail {

inline void append_utf8(std::string& out, std::uint32_t code) {
  const auto push = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xc0 | code >> 6);
    push(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    push(0xe0 | code >> 12);
    push(0x80 | (code >> 6 & 0x3f));
    push(0x80 | (code & 0x3f));
  } else {
    push(0xf0 | code >> 18);
    push(0x80 | (code >> 12 & 0x3f));
    push(0x80 | (code >> 6 & 0x3f));
    push(0x80 | (code & 0x3f));
  }
}

/// Whether every code point is encoded in its shortest form, is no surrogate and at most U+10FFFF.
inline bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc0 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf8 ? 4
                                             : 0;
    if (length == 0 || bytes.size() - i < length) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += length;
  }
  return true;
}

/// `value` as a JSON string, quotes included. Expects UTF-8.
inline std::string json_string(std::string_view value) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// A name from a file for a message: escaped, and cut where it is absurdly long.
inline std::string quoted_name(std::string_view name) {
  constexpr std::size_t limit = 200;
  if (name.size() <= limit) return json_string(name);
  // Cuts between characters, not inside one.
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return json_string(name.substr(0, end)) + "...";
}

/// Reads JSON text from front to back. Whatever does not fit throws a FileError with its byte and the file.
class JsonCursor {
 public:
  JsonCursor(std::string_view text, std::string_view path) : text_(text), path_(path) {}

  /// Steps over `c` and the white space before it if that is what comes next.
  bool accept(char c) {
    while (here_ < text_.size() && is_space(text_[here_])) ++here_;
    const bool found = here_ < text_.size() && text_[here_] == c;
    if (found) ++here_;
    return found;
  }

  void expect(char c) {
    if (!accept(c)) fail(text("'", c, "'"));
  }

  std::string string() {
    expect('"');
    std::string out;
    while (true) {
      const char c = next("'\"' that ends a string");
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) fail_before("a control character to be escaped");
      if (c == '\\') {
        escape(out);
      } else {
        out += c;
      }
    }
  }

  /// A whole number below 2^63, without sign, fraction or exponent.
  std::int64_t integer() {
    while (here_ < text_.size() && is_space(text_[here_])) ++here_;
    const std::size_t first = here_;
    std::int64_t value = 0;
    for (; here_ < text_.size() && text_[here_] >= '0' && text_[here_] <= '9'; ++here_) {
      const int digit = text_[here_] - '0';
      if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) fail("an integer below 2^63");
      value = value * 10 + digit;
    }
    if (here_ == first) fail("a non-negative integer");
    if (here_ - first > 1 && text_[first] == '0') fail_before("an integer without leading zeros");
    return value;
  }

  /// `{"key": value, …}`: calls `member(key)` with the cursor before each value, which `member` reads.
  template <class Member>
  void object(Member&& member) {
    expect('{');
    if (accept('}')) return;
    do {
      std::string key = string();
      expect(':');
      member(std::move(key));
    } while (accept(','));
    expect('}');
  }

  /// `[value, …]`: calls `item()` with the cursor before each value, which `item` reads.
  template <class Item>
  void array(Item&& item) {
    expect('[');
    if (accept(']')) return;
    do {
      item();
    } while (accept(','));
    expect(']');
  }

  /// Only blanks may follow.
  void end() {
    while (here_ < text_.size() && text_[here_] == ' ') ++here_;
    if (here_ < text_.size()) fail("only blanks after the last '}'");
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  char next(std::string_view wanted) {
    if (here_ == text_.size()) fail(wanted);
    return text_[here_++];
  }

  void escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view values = "\"\\/\b\f\n\r\t";
    const char c = next("an escape");
    if (c != 'u') {
      const auto k = names.find(c);
      if (k == names.npos) fail_before("one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
      out += values[k];
      return;
    }
    std::uint32_t code = four_hex_digits();
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(here_, 2) == "\\u") {
      here_ += 2;
      const std::uint32_t low = four_hex_digits();
      if (low < 0xdc00 || low > 0xdfff) fail_before("the second half of a surrogate pair");
      code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
    }
    if (code >= 0xd800 && code < 0xe000) fail_before("both halves of a surrogate pair");
    append_utf8(out, code);
  }

  std::uint32_t four_hex_digits() {
    std::uint32_t code = 0;
    for (int k = 0; k < 4; ++k) {
      const char c = next("four hexadecimal digits");
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail_before("four hexadecimal digits");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  [[noreturn]] void fail_before(std::string_view wanted) {
    --here_;
    fail(wanted);
  }

  [[noreturn]] void fail(std::string_view wanted) const {
    std::string got = "its end";
    if (here_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[here_]);
      got = c > 0x20 && c < 0x7f ? text("'", text_[here_], "'") : text("a byte of value ", c);
    }
    raise<FileError>("safetensors", text(wanted, " at byte ", here_, " of the header of '", path_, "'"), got);
  }

  std::string_view text_;
  std::string_view path_;
  std::size_t here_ = 0;
};

}  // namespace pixnerd::detail
