// SPDX-License-Identifier: MIT
/// \file
/// The main() of a fuzz target without libFuzzer: the short deterministic pass of the tests.
///
///     fuzz_NAME FOLDER [MUTATIONS]   every file of the folder; of those up to 5000 bytes every prefix and
///                                    every flip of one bit; then that many mutations of all of them
///     fuzz_NAME FILE...              these files alone
///
/// An input with a finding is left in the file finding-NAME of the current folder.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "limits.hpp"
#include "mutations.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using pixnerd::fuzz::Bytes;

std::string finding_file;
const Bytes* running = nullptr;
std::size_t executions = 0;

void keep_input() {
  if (running == nullptr) return;
  std::FILE* file = std::fopen(finding_file.c_str(), "wb");
  if (file == nullptr) return;
  if (!running->empty()) std::fwrite(running->data(), 1, running->size(), file);
  std::fclose(file);
  std::fprintf(stderr, "the input (execution %zu) is in %s\n", executions, finding_file.c_str());
  running = nullptr;
}

void on_abort(int) {
  keep_input();
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

void execute(const Bytes& bytes) {
  // A copy that ends where the memory does: reading behind it is seen.
  const Bytes exact(bytes);
  running = &exact;
  ++executions;
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  running = nullptr;
}

Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", path.c_str());
    std::exit(2);
  }
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void execute_prefixes_and_flips(const Bytes& seed) {
  for (std::size_t size = 0; size < seed.size(); ++size) {
    execute(Bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  for (std::size_t bit = 0; bit < 8 * seed.size(); ++bit) {
    Bytes bytes = seed;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    execute(bytes);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::filesystem::path program(arguments[0]);
  finding_file = "finding-" + program.filename().string();
  std::signal(SIGABRT, on_abort);
  __sanitizer_set_death_callback(keep_input);
  if (count < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [MUTATIONS] | FILE...\n", arguments[0]);
    return 2;
  }
  if (!std::filesystem::is_directory(arguments[1])) {
    for (int i = 1; i < count; ++i) execute(read(arguments[i]));
    return 0;
  }

  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> seeds;
  for (const auto& path : paths) seeds.push_back(read(path));
  if (seeds.empty()) {
    std::fprintf(stderr, "%s has no seeds\n", arguments[1]);
    return 2;
  }
  constexpr std::size_t small = 5000;
  for (const auto& seed : seeds) {
    execute(seed);
    if (seed.size() <= small) execute_prefixes_and_flips(seed);
  }
  const unsigned long mutations = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 0;
  for (unsigned long i = 0; i < mutations; ++i) execute(pixnerd::fuzz::Mutator(i)(seeds));
  std::printf("%s: %zu executions of %zu seeds, nothing found\n", program.filename().c_str(), executions,
              seeds.size());
}
