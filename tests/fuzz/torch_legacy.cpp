// SPDX-License-Identifier: MIT
/// \file
/// Checkpoints in the format that torch.save wrote before version 1.6.
#include "read_checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pixnerd::fuzz::read_checkpoint(data, size);
}
