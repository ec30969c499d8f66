// SPDX-License-Identifier: MIT
/// \file
/// The input bytes, stack and memo of the machine that reads a pickle.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/io/torch/pickle_value.hpp>

namespace pixnerd::detail {

/// The state that a pickle's instructions work on: the input bytes, the values, a stack of value indices with
/// marks, and the memo. Anything malformed throws FileError with its byte position.
class PickleStack {
 protected:
  PickleStack(std::span<const std::uint8_t> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  // A checkpoint has about twenty values and as many items for each tensor.
  static constexpr std::size_t most_values = 400'000, most_items = 800'000, most_marks = 10'000;

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>("pickle", str_cat(expected, " in '", where_, "'"), str_cat(got, " at byte ", at_));
  }

  /// A name from a pickle for a message.
  static std::string printable(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 200)) out += c >= ' ' && c < 127 ? c : '?';
    return out;
  }

  /// For messages: values that are not data have names.
  static std::string name_of_instruction(char code) {
    constexpr std::pair<char, std::string_view> names[] = {
        {'i', "INST"},           {'o', "OBJ"},
        {'P', "PERSID"},         {'\x81', "NEWOBJ"},
        {'\x92', "NEWOBJ_EX"},   {'\x82', "EXT1"},
        {'\x83', "EXT2"},        {'\x84', "EXT4"},
        {'\x8f', "EMPTY_SET"},   {'\x90', "ADDITEMS"},
        {'\x91', "FROZENSET"},   {'\x96', "BYTEARRAY8"},
        {'\x97', "NEXT_BUFFER"}, {'\x98', "READONLY_BUFFER"}};
    const std::string number = str_cat("instruction ", static_cast<int>(static_cast<std::uint8_t>(code)));
    for (const auto& [known, name] : names) {
      if (known == code) return str_cat(number, " (", name, ")");
    }
    return number;
  }

  // Reading bytes.

  std::span<const std::uint8_t> take(std::uint64_t count) {
    if (count > bytes_.size() - at_)
      refuse(str_cat(count, " more bytes of the pickle"), str_cat(bytes_.size() - at_));
    const auto out = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return out;
  }

  std::uint64_t take_number(int width) {
    std::uint64_t out = 0;
    const auto from = take(static_cast<std::uint64_t>(width));
    for (int i = width - 1; i >= 0; --i) out = out << 8 | from[static_cast<std::size_t>(i)];
    return out;
  }

  std::string_view take_string(std::uint64_t count) {
    const auto from = take(count);
    return {reinterpret_cast<const char*>(from.data()), from.size()};
  }

  std::string_view take_line() {
    const std::size_t begin = at_;
    while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
    if (at_ == bytes_.size()) refuse("the end of a line", "the end of the pickle");
    const std::string_view line(reinterpret_cast<const char*>(bytes_.data()) + begin, at_ - begin);
    ++at_;
    return line;
  }

  // The stack and the values.

  void push(PickleValue value) {
    if (values_.size() == most_values) refuse(str_cat("at most ", most_values, " values"), "more");
    push_index(static_cast<std::uint32_t>(values_.size()));
    values_.push_back(std::move(value));
  }
  void push_number(PickleKind kind, std::int64_t number) { push({kind, number, {}, {}}); }
  void push_string(PickleKind kind, std::string_view string) { push({kind, 0, string, {}}); }

  void set_mark() {
    if (marks_.size() == most_marks) refuse(str_cat("at most ", most_marks, " marks on the stack"), "more");
    marks_.push_back(stack_.size());
  }
  void duplicate() { push_index(top()); }

  void pop_value_or_mark() {
    if (!marks_.empty() && stack_.size() == mark()) {
      marks_.pop_back();
    } else {
      (void)pop();
    }
  }

  std::size_t mark() const { return marks_.empty() ? 0 : marks_.back(); }

  std::uint32_t pop() {
    if (stack_.size() <= mark()) refuse("a value on the stack", "none");
    const std::uint32_t index = stack_.back();
    stack_.pop_back();
    return index;
  }

  std::uint32_t top() const {
    if (stack_.size() <= mark()) refuse("a value on the stack", "none");
    return stack_.back();
  }

  std::vector<std::uint32_t> pop_to_mark() {
    if (marks_.empty()) refuse("a mark on the stack", "none");
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    std::vector<std::uint32_t> out(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin);
    return out;
  }

  /// Appends to the list or dictionary on top of the stack.
  void append(PickleKind kind, const std::vector<std::uint32_t>& items) {
    PickleValue& into = values_[top()];
    if (into.kind != kind)
      refuse(kind == PickleKind::list ? "a list to append to" : "a dictionary to add to", "another value");
    if (kind == PickleKind::dictionary && items.size() % 2 != 0)
      refuse("a value for each key", "a key without");
    count_links(items.size());
    into.items.insert(into.items.end(), items.begin(), items.end());
  }

  void push_items(PickleKind kind, std::vector<std::uint32_t> items) {
    count_links(items.size());
    push({kind, 0, {}, std::move(items)});
  }
  void push_tuple_of(int count) {
    std::vector<std::uint32_t> items(static_cast<std::size_t>(count));
    for (std::size_t i = items.size(); i > 0; --i) items[i - 1] = pop();
    push_items(PickleKind::tuple, std::move(items));
  }

  /// Python numbers the memo from 0 on.
  void remember(std::uint64_t key) {
    if (key >= most_values) refuse(str_cat("at most ", most_values, " remembered values"), "more");
    const std::uint32_t index = top();
    if (key >= memo_.size()) memo_.resize(key + 1, nothing);
    remembered_ += memo_[key] == nothing ? 1 : 0;
    memo_[key] = index;
  }
  void remember_next() { remember(remembered_); }
  void recall(std::uint64_t key) {
    if (key >= memo_.size() || memo_[key] == nothing)
      refuse("a remembered value", "one that was never stored");
    push_index(memo_[key]);
  }

  std::span<const std::uint8_t> bytes_;
  std::string where_;
  std::size_t at_ = 0;
  std::deque<PickleValue> values_;

 private:
  void count_links(std::size_t count) {
    links_ += count;
    if (links_ > most_items) refuse(str_cat("at most ", most_items, " items"), "more");
  }

  void push_index(std::uint32_t index) {
    if (stack_.size() == most_items) refuse(str_cat("at most ", most_items, " values on the stack"), "more");
    stack_.push_back(index);
  }

  static constexpr std::uint32_t nothing = ~std::uint32_t{0};

  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::vector<std::uint32_t> memo_;  // indices of values, or nothing
  std::size_t remembered_ = 0;
  std::size_t links_ = 0;
};

}  // namespace pixnerd::detail
