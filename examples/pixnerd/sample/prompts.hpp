// SPDX-License-Identifier: MIT
/// \file
/// Texts to draw: from the command line and from a file, checked before any work.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/file.hpp>
#include <pixnerd/text/utf8.hpp>
#include <pixnerd/text/words.hpp>

#include <pixnerd/data/labels.hpp>
#include "commands.hpp"

namespace pixnerd::program {

/// Largest file of prompts, bytes: all of it must fit beside the pixels of a PNG.
inline constexpr std::uint64_t max_prompt_bytes = 1 << 19;

namespace detail {

/// Whether a text is white space at most.
inline bool is_blank(std::string_view all) {
  return all.find_first_not_of(" \t\r\n\v\f") == all.npos;
}

/// Throws ValueError for a prompt that is not UTF-8, or says nothing: nothing that is a word, where words are
/// `learned`.
inline void check_prompt(const std::string& prompt, const std::string& where, bool learned) {
  check_utf8(prompt, where);
  if (prompt.find('\0') != prompt.npos) raise<ValueError>(where, "text", "a byte of value 0");
  if (learned ? split_words(prompt).empty() : is_blank(prompt))
    raise<ValueError>(where, "a text with words", str_cat("'", prompt, "'"));
}

/// The start of a text, for people.
inline std::string start_of(const std::string& all, std::size_t most = 60) {
  if (all.size() <= most) return all;
  std::size_t end = 0;
  while (end < most) {
    const auto step = pixnerd::detail::utf8_step(all, end);
    if (end + step.bytes > most) break;
    end += step.bytes;
  }
  return all.substr(0, end) + "...";
}

}  // namespace detail

/// The prompts of a command, those of its file last. Throws FileError when that cannot be read, ValueError
/// for prompts that are empty or not UTF-8; see check_prompt() for `learned`.
inline std::vector<std::string> read_prompts(const SampleCommand& command, bool learned) {
  std::vector<std::string> prompts = command.prompts;
  for (const auto& prompt : prompts) detail::check_prompt(prompt, "--prompt", learned);
  if (command.prompt_file.empty()) return prompts;
  const auto bytes = read_file(command.prompt_file, max_prompt_bytes);
  std::string_view rest =
      without_byte_order_mark({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (detail::is_blank(line)) continue;
    if (line.ends_with('\r')) line.pop_back();
    detail::check_prompt(line, str_cat("line ", number, " of '", command.prompt_file, "'"), learned);
    prompts.push_back(std::move(line));
  }
  if (prompts.empty())
    raise<FileError>("--prompts", str_cat("a prompt in '", command.prompt_file, "'"), "blank lines only");
  return prompts;
}

/// A sentence that a model does not read all parts of a prompt, which are `what`.
inline std::string cut_text(const std::string& prompt, std::int64_t count, std::int64_t read,
                            std::string_view what) {
  return str_cat("of the ", count, " ", what, " of \"", detail::start_of(prompt), "\" the first ", read,
                 " are read");
}

/// Labels of `count` images of the prompts in turn.
inline Labels prompt_labels(const LabelFormat& format, const std::vector<std::string>& prompts,
                            std::int64_t count) {
  Labels out;
  for (std::int64_t i = 0; i < count; ++i) {
    out.names.push_back(prompts[static_cast<std::size_t>(i) % prompts.size()]);
    append_words(format, out.names.back(), out.numbers);
  }
  return out;
}

}  // namespace pixnerd::program
