// SPDX-License-Identifier: MIT
/// \file
/// One line that says how far a command is and how long it will still take.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include <pixnerd/core/str_cat.hpp>
#include <pixnerd/text/utf8.hpp>

namespace pixnerd::program {

/// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// "8 s", "4 min 05 s", "2 h 07 min", "3 d 4 h".
inline std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::max(0.0, std::min(seconds, 1e12))));
  const auto two = [](std::int64_t value) { return str_cat(value < 10 ? "0" : "", value); };
  if (whole < 60) return str_cat(whole, " s");
  if (whole < 3600) return str_cat(whole / 60, " min ", two(whole % 60), " s");
  if (whole < 86'400) return str_cat(whole / 3600, " h ", two(whole / 60 % 60), " min");
  return str_cat(whole / 86'400, " d ", whole / 3600 % 24, " h");
}

/// A number with a few digits, for people: "0.213", "84.1".
inline std::string number_text(double value, int digits = 3) {
  char out[48];
  std::snprintf(out, sizeof out, "%.*g", digits, value);
  return out;
}

/// Text from a file, without the characters that would make a terminal do something.
inline std::string printable(const std::string& from) {
  std::string words = repair_utf8(from);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto c = static_cast<unsigned char>(words[i]);
    const bool follows_c2 = i > 0 && static_cast<unsigned char>(words[i - 1]) == 0xc2;
    if (c < ' ' || c == 0x7f) words[i] = '?';
    if (follows_c2 && c < 0xa0) words[i - 1] = words[i] = '?';  // U+0080 to U+009F
  }
  return words;
}

/// A word as a shell must be given it, for commands that people copy.
inline std::string shell_word(const std::string& from) {
  const std::string word = printable(from);
  const bool is_plain =
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%") ==
      word.npos;
  if (is_plain && !word.empty()) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Keeps one line of stderr up to date when it is a terminal; writes a line every few seconds when it is a
/// file or a pipe.
class Progress {
 public:
  Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { end_line(); }

  /// Whether it is time to say something again; asking costs nothing.
  bool due() const { return since_.seconds() >= (terminal_ ? 0.1 : said_something_ ? 5.0 : 1.0); }

  void show(const std::string& line) {
    if (terminal_) {
      std::fprintf(stderr, "\r\033[K%s", line.c_str());
      open_ = true;
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    std::fflush(stderr);
    said_something_ = true;
    since_ = {};
  }

  /// A line of its own, above the one that changes.
  void note(const std::string& line) {
    end_line();
    std::fprintf(stderr, "%s\n", line.c_str());
    std::fflush(stderr);
  }

  void end_line() {
    if (open_) std::fputc('\n', stderr);
    open_ = false;
  }

 private:
  bool terminal_;
  bool open_ = false;
  bool said_something_ = false;
  Stopwatch since_;
};

}  // namespace pixnerd::program
