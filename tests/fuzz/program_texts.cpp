// SPDX-License-Identifier: MIT
/// \file
/// Texts that the program reads. The first byte of an input says what the rest is: P or W, a file of prompts,
/// for any model or one that knows words; M, a run's metrics.csv.
#include <cstdint>
#include <string>

#include <pixnerd/text/utf8.hpp>

#include <pixnerd/train/metrics.hpp>
#include "pixnerd/sample/prompts.hpp"
#include "target.hpp"

namespace {

using pixnerd::fuzz::finding;

void read_prompts(const std::string& path, bool learned) {
  pixnerd::program::SampleCommand command;
  command.prompt_file = path;
  const auto prompts = pixnerd::program::read_prompts(command, learned);
  if (prompts.empty()) finding("no prompts");
  for (const auto& prompt : prompts) {
    if (prompt.find_first_of(std::string("\0\n", 2)) != prompt.npos) finding("a prompt of several lines");
    // Without the file's name in a message, so that one is a finding.
    pixnerd::check_utf8(prompt, "prompt");
    pixnerd::check_utf8(pixnerd::program::cut_text(prompt, 2, 1, "words"), "start of a prompt");
    if (learned && pixnerd::split_words(prompt).empty()) finding("a prompt without words");
  }
}

/// What is read must be read again from what is written of it.
void read_metrics(const std::string& path) {
  const auto rows = pixnerd::read_metrics(path);
  for (const auto& row : rows) {
    std::string line = pixnerd::detail::metrics_line(row, true);
    line.pop_back();
    pixnerd::MetricsRow again;
    if (!pixnerd::detail::parse_metrics_line(line, true, again) || again.step != row.step) {
      finding("a row that cannot be read once it was written: " + line);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static pixnerd::fuzz::MemoryFile memory;
  memory.fill({data + 1, size - 1});
  return pixnerd::fuzz::run(size, memory.path(), [&] {
    if (data[0] == 'P' || data[0] == 'W') read_prompts(memory.path(), data[0] == 'W');
    if (data[0] == 'M') read_metrics(memory.path());
  });
}
