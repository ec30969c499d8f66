// SPDX-License-Identifier: MIT
/// \file
/// JPEG files.
#include <cstdint>

#include <pixnerd/image/jpeg.hpp>

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pixnerd::fuzz::run(size, "fuzz.jpg", [&] { (void)pixnerd::decode_jpeg({data, size}, "fuzz.jpg"); });
}
