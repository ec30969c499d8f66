// SPDX-License-Identifier: MIT
/// \file
/// Reading a checkpoint to its last byte: what the targets of both formats do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/io/torch/checkpoint.hpp>

#include "target.hpp"

namespace pixnerd::fuzz {

/// Opens the bytes as a checkpoint and reads every tensor; a message of a tensor that cannot be read must
/// name it.
inline int read_checkpoint(const std::uint8_t* data, std::size_t size) {
  static MemoryFile memory;
  memory.fill({data, size});
  return run(size, memory.path(), [] {
    const TorchCheckpoint file(memory.path());
    for (const auto& entry : file.entries()) {
      try {
        std::vector<std::uint8_t> bytes(entry.bytes);
        file.read_bytes(entry, bytes);
        (void)file.read<float>(entry.name);
      } catch (const FileError& error) {
        const std::string message = error.what();
        if (message.find(pixnerd::detail::quoted_name(entry.name)) == std::string::npos) {
          finding("a message that does not name the tensor: " + message);
        }
      }
    }
  });
}

}  // namespace pixnerd::fuzz
