// SPDX-License-Identifier: MIT
/// \file
/// How help texts look.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

namespace pixnerd::program {

/// Help texts with short lines: names and kinds of values without what checks them, defaults at the end.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(36); }

  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    return before(CLI::Formatter::make_option_name(option, positional), '{');
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + before(option->get_type_name(), ':');
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string description = option->get_description();
    const std::string value = option->get_default_str();
    const bool in_brackets = value.starts_with('[');
    if (!value.empty()) description += in_brackets ? " " + value : " [" + value + "]";
    return wrapped(description);
  }

 private:
  static std::string before(const std::string& text, char end) { return text.substr(0, text.find(end)); }

  static std::string wrapped(const std::string& text) {
    constexpr std::size_t limit = 72;
    std::string out, line;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      const std::string word = text.substr(at, end - at);
      if (!line.empty() && line.size() + 1 + word.size() > limit) {
        out += line + "\n";
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
      at = end + 1;
    }
    return out + line;
  }
};

}  // namespace pixnerd::program
