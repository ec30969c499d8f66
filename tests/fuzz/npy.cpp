// SPDX-License-Identifier: MIT
/// \file
/// One .npy array in a zip file whose checksums are right: what the npz target hardly reaches.
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/io/numpy/npz.hpp>

#include "support/npz_tools.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pixnerd::fuzz::MemoryFile memory;
  memory.fill(pixnerd::test::zip_of({{"a.npy", {data, data + size}}}));
  return pixnerd::fuzz::run(size, memory.path(), [] {
    using namespace pixnerd;
    const NpzFile file(memory.path());
    const NpyEntry& entry = file.entry("a");
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(entry, bytes);
    if (entry.type == TensorType::f64)
      (void)file.tensor<float>("a");
    else if (entry.type == TensorType::i64)
      (void)file.read<std::int32_t>("a");
    else
      (void)file.read<std::uint8_t>("a");
  });
}
