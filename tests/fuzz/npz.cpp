// SPDX-License-Identifier: MIT
/// \file
/// Whole .npz files: opened, and every array read as it lies and as other types.
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/io/numpy/npz.hpp>

#include "target.hpp"

namespace {

/// Damage of one array is no reason not to read the next.
template <class Action>
void refusing(const pixnerd::NpyEntry& entry, Action action) {
  try {
    action();
  } catch (const pixnerd::FileError& error) {
    const std::string name = pixnerd::detail::quoted_name(entry.name);
    if (std::string(error.what()).find(name.substr(1, name.size() - 2)) == std::string::npos) {
      pixnerd::fuzz::finding("a message that does not name the array: " + std::string(error.what()));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pixnerd::fuzz::MemoryFile memory;
  memory.fill({data, size});
  return pixnerd::fuzz::run(size, memory.path(), [] {
    const pixnerd::NpzFile file(memory.path());
    for (const auto& entry : file.entries()) {
      refusing(entry, [&] {
        file.check_before_allocating(entry);
        // An array that is what it claims may be large; here it need not be read.
        if (entry.bytes > 1 << 20) return;
        std::vector<std::uint8_t> bytes(entry.bytes);
        file.read_bytes(entry, bytes);
      });
      if (entry.bytes > 1 << 20) continue;
      refusing(entry, [&] { (void)file.tensor<double>(entry.name); });
      refusing(entry, [&] { (void)file.read<std::uint8_t>(entry.name); });
      const bool is_plain = !entry.fortran_order && entry.shape.count() > 1;
      if (is_plain && entry.type == pixnerd::TensorType::f32) {
        refusing(entry, [&] {
          float element = 0;
          file.read(entry, 1, std::span(&element, 1));
        });
      }
    }
  });
}
