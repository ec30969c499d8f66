// SPDX-License-Identifier: MIT
/// \file
/// Whole safetensors files: opened, and every tensor read as it lies and as other types.
#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>

#include "target.hpp"

namespace {

/// Reads a tensor; types that do not go together and values out of range are refused as any other damage.
template <class T>
void read_as(const pixnerd::SafetensorsFile& file, const pixnerd::TensorEntry& entry) {
  try {
    (void)file.tensor<T>(entry.name);
  } catch (const pixnerd::FileError& error) {
    if (std::string(error.what()).find(pixnerd::detail::quoted_name(entry.name)) == std::string::npos) {
      pixnerd::fuzz::finding("a message that does not name the tensor: " + std::string(error.what()));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pixnerd::fuzz::MemoryFile memory;
  memory.fill({data, size});
  return pixnerd::fuzz::run(size, memory.path(), [] {
    const pixnerd::SafetensorsFile file(memory.path());
    for (const auto& entry : file.entries()) {
      std::vector<std::uint8_t> bytes(entry.bytes);
      file.read_bytes(entry, bytes);
      read_as<float>(file, entry);
      read_as<double>(file, entry);
      read_as<pixnerd::bfloat16>(file, entry);
      read_as<std::int64_t>(file, entry);
      read_as<std::uint8_t>(file, entry);
    }
  });
}
