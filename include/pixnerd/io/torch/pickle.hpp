// SPDX-License-Identifier: MIT
/// \file
/// Reading Python pickles as data. A pickle is a program for a stack machine. This one executes the
/// instructions that build numbers, strings and containers, keeps calls as data, and never calls anything.
#pragma once

#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <pixnerd/io/torch/pickle_stack.hpp>

namespace pixnerd {

/// The value of a pickle, with all values it contains.
///
/// Only names in `allowed` may occur, and calls of them stay data, to be interpreted by the user of this
/// class. Everything that is not known to be data throws FileError with its name. The state that a pickle
/// sets on an object (BUILD) is read and dropped.
class Pickle : private detail::PickleStack {
 public:
  /// Reads one pickle from the beginning of `bytes`, which must outlive this; `where` is the file, for
  /// messages. Throws FileError for a malformed pickle, for one of more than 400,000 values or 800,000 items
  /// of containers, for a name that is not allowed.
  Pickle(std::span<const std::uint8_t> bytes, std::span<const std::string_view> allowed,
         const std::string& where)
      : PickleStack(bytes, where), allowed_(allowed) {
    run();
  }

  /// Length of the pickle in bytes.
  std::size_t size() const { return at_; }

  const PickleValue& root() const { return values_[root_]; }
  const PickleValue& operator[](std::uint32_t index) const { return values_[index]; }

  /// The value of a key of a dictionary; null when the key is missing or `dictionary` is not a dictionary.
  /// The last of equal keys counts.
  const PickleValue* find(const PickleValue& dictionary, std::string_view key) const {
    if (dictionary.kind != PickleKind::dictionary) return nullptr;
    for (std::size_t i = dictionary.items.size(); i >= 2; i -= 2) {
      const PickleValue& name = values_[dictionary.items[i - 2]];
      if (name.kind == PickleKind::string && name.string == key) return &values_[dictionary.items[i - 1]];
    }
    return nullptr;
  }

 private:
  bool is_empty_dictionary(const PickleValue& call) const {
    const PickleValue& callee = values_[call.items[0]];
    return callee.kind == PickleKind::global && callee.string == "collections.OrderedDict" &&
           values_[call.items[1]].items.empty();
  }

  void push_global(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > 1000) refuse("a name of at most 1000 characters", "a longer one");
    const std::string full = str_cat(module, ".", name);
    for (std::size_t i = 0; i < allowed_.size(); ++i) {
      if (allowed_[i] == full) {
        push_string(PickleKind::global, allowed_[i]);
        return;
      }
    }
    refuse("nothing but tensors, numbers, strings, lists and dictionaries",
           str_cat("'", printable(full), "', which is not data and was not called"));
  }

  /// An ordered dictionary is made by a call without arguments, and then filled.
  void push_call() {
    const std::uint32_t arguments = pop(), callee = pop();
    if (values_[callee].kind != PickleKind::global || values_[arguments].kind != PickleKind::tuple) {
      refuse("a call of a known name with a tuple of arguments", "another call");
    }
    push({PickleKind::call, 0, {}, {callee, arguments}});
    if (is_empty_dictionary(values_.back())) values_.back() = {PickleKind::dictionary, 0, {}, {}};
  }

  std::int64_t parse_decimal(std::string_view line) const {
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out);
    if (error != std::errc() || end != line.data() + line.size())
      refuse("a decimal integer of 64 bits", printable(line));
    return out;
  }

  /// Two's complement, lowest byte first.
  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push_string(PickleKind::big_integer, digits);
    std::uint64_t out = !digits.empty() && (digits.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = digits.size(); i > 0; --i) out = out << 8 | static_cast<std::uint8_t>(digits[i - 1]);
    push_number(PickleKind::integer, static_cast<std::int64_t>(out));
  }

  void push_real() {
    const auto from = take(8);
    std::uint64_t bits = 0;
    for (const std::uint8_t byte : from) bits = bits << 8 | byte;  // big-endian
    push({PickleKind::real, static_cast<std::int64_t>(bits), {}, {}});
  }

  void push_integer_line() {
    const std::string_view line = take_line();
    if (line == "00" || line == "01") return push_number(PickleKind::boolean, line == "01");
    push_number(PickleKind::integer, parse_decimal(line));
  }

  void run();
  bool run_simple(char code);
  bool run_container(char code);

  std::span<const std::string_view> allowed_;
  std::uint32_t root_ = 0;
};

/// Numbers and strings.
inline bool Pickle::run_simple(char code) {
  switch (code) {
    case 'N':
      push({});
      return true;
    case '\x88':
    case '\x89':
      push_number(PickleKind::boolean, code == '\x88');
      return true;
    case 'I':
      push_integer_line();
      return true;
    case 'J':
      push_number(PickleKind::integer, static_cast<std::int32_t>(take_number(4)));
      return true;
    case 'K':
      push_number(PickleKind::integer, static_cast<std::int64_t>(take_number(1)));
      return true;
    case 'M':
      push_number(PickleKind::integer, static_cast<std::int64_t>(take_number(2)));
      return true;
    case '\x8a':
      push_long(take_string(take_number(1)));
      return true;
    case '\x8b':
      push_long(take_string(take_number(4)));
      return true;
    case 'G':
      push_real();
      return true;
    case 'X':
    case 'T':
      push_string(PickleKind::string, take_string(take_number(4)));
      return true;
    case 'U':
    case '\x8c':
      push_string(PickleKind::string, take_string(take_number(1)));
      return true;
    case '\x8d':
      push_string(PickleKind::string, take_string(take_number(8)));
      return true;
    case 'V':
      push_string(PickleKind::string, take_line());
      return true;
    case 'B':
      push_string(PickleKind::bytes, take_string(take_number(4)));
      return true;
    case 'C':
      push_string(PickleKind::bytes, take_string(take_number(1)));
      return true;
    case '\x8e':
      push_string(PickleKind::bytes, take_string(take_number(8)));
      return true;
    default:
      return false;
  }
}

/// Lists, tuples, dictionaries and the stack itself.
inline bool Pickle::run_container(char code) {
  switch (code) {
    case '(':
      set_mark();
      return true;
    case '0':
      pop_value_or_mark();
      return true;
    case '1':
      (void)pop_to_mark();
      return true;
    case '2':
      duplicate();
      return true;
    case ']':
      push({PickleKind::list, 0, {}, {}});
      return true;
    case 'l':
      push_items(PickleKind::list, pop_to_mark());
      return true;
    case 'a': {
      const std::uint32_t item = pop();
      append(PickleKind::list, {item});
      return true;
    }
    case 'e':
      append(PickleKind::list, pop_to_mark());
      return true;
    case ')':
      push_items(PickleKind::tuple, {});
      return true;
    case 't':
      push_items(PickleKind::tuple, pop_to_mark());
      return true;
    case '\x85':
    case '\x86':
    case '\x87':
      push_tuple_of(code - '\x84');
      return true;
    case '}':
      push({PickleKind::dictionary, 0, {}, {}});
      return true;
    case 'd': {
      const auto items = pop_to_mark();
      push({PickleKind::dictionary, 0, {}, {}});
      append(PickleKind::dictionary, items);
      return true;
    }
    case 's': {
      const std::uint32_t value = pop(), key = pop();
      append(PickleKind::dictionary, {key, value});
      return true;
    }
    case 'u':
      append(PickleKind::dictionary, pop_to_mark());
      return true;
    case 'p':
      remember(static_cast<std::uint64_t>(parse_decimal(take_line())));
      return true;
    case 'q':
      remember(take_number(1));
      return true;
    case 'r':
      remember(take_number(4));
      return true;
    case '\x94':
      remember_next();
      return true;
    case 'g':
      recall(static_cast<std::uint64_t>(parse_decimal(take_line())));
      return true;
    case 'h':
      recall(take_number(1));
      return true;
    case 'j':
      recall(take_number(4));
      return true;
    default:
      return false;
  }
}

inline void Pickle::run() {
  for (;;) {
    const char code = static_cast<char>(take(1)[0]);
    if (run_simple(code) || run_container(code)) continue;
    switch (code) {
      case '\x80':
        if (take_number(1) > 5) refuse("a pickle of protocol 0 to 5", "a newer one");
        break;
      case '\x95':
        // The length of a frame only speeds up reading.
        if (const std::uint64_t frame = take_number(8); frame > bytes_.size() - at_)
          refuse("a frame within the pickle", str_cat(frame, " bytes"));
        break;
      case 'c': {
        const std::string_view module = take_line();
        push_global(module, take_line());
        break;
      }
      case '\x93': {
        const PickleValue &name = values_[pop()], &module = values_[pop()];
        if (name.kind != PickleKind::string || module.kind != PickleKind::string)
          refuse("a name", "another value");
        push_global(module.string, name.string);
        break;
      }
      case 'R':
        push_call();
        break;
      case 'b':
        (void)pop();
        break;
      case 'Q': {
        const std::uint32_t id = pop();
        push({PickleKind::persistent, 0, {}, {id}});
        break;
      }
      case '.':
        root_ = pop();
        return;
      default:
        refuse("an instruction that builds data", name_of_instruction(code));
    }
  }
}

}  // namespace pixnerd
