// SPDX-License-Identifier: MIT
/// \file
/// Reads all tensors of a checkpoint.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/io/torch/checkpoint.hpp>

namespace pixnerd::test {

inline void read_tensors(const std::string& path) {
  const TorchCheckpoint file(path);
  for (const auto& entry : file.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(entry, bytes);
  }
}

}  // namespace pixnerd::test
