// SPDX-License-Identifier: MIT
/// \file
/// A fuzz target in which everything is wrong that a target can find; fuzz_finds.sh runs it. The first byte
/// of an input chooses.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "fuzz/target.hpp"

namespace {

void keep(const void* memory) {
  asm volatile("" : : "r"(memory) : "memory");
}

void go_wrong(char kind) {
  switch (kind) {
    case 'n':  // nothing wrong
      throw pixnerd::FileError("[test] expected 'FILE', got another");
    case 'u':
      throw pixnerd::FileError("[test] expected a message with a name, got none");
    case 'e':
      throw std::out_of_range("another exception");
    case 'b':
      throw std::bad_alloc();
    case 'm': {
      const std::vector<char> large(65 << 20);
      keep(large.data());
      break;
    }
    case 's': {
      std::vector<std::vector<char>> many;
      for (int i = 0; i < 70; ++i) many.emplace_back(1 << 20);
      keep(many.data());
      break;
    }
    case 't':
      for (;;) keep(nullptr);
    case 'o': {
      volatile int large = std::numeric_limits<int>::max();
      large = large + 1;
      break;
    }
    case 'l':
      keep(new int);
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pixnerd::fuzz::run(size, "'FILE'", [&] {
    if (size == 0) return;
    if (data[0] == 'r') keep(reinterpret_cast<const void*>(static_cast<std::uintptr_t>(data[size])));
    go_wrong(static_cast<char>(data[0]));
  });
}
