// SPDX-License-Identifier: MIT
/// \file
/// The JSON of a safetensors header alone. The first two bytes of an input are the size of the data behind
/// it; what is accepted is written again and must be read as the same.
#include <cstdint>
#include <string>
#include <string_view>

#include <pixnerd/io/safetensors/header_json.hpp>

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint64_t data_bytes = data[0] | data[1] << 8;
  const std::string_view json(reinterpret_cast<const char*>(data) + 2, size - 2);
  static const std::string name = "FILE";
  return pixnerd::fuzz::run(size, name, [&] {
    using namespace pixnerd;
    const auto header = detail::parse_safetensors_header(json, data_bytes, name);
    const auto bytes = detail::format_safetensors_header(header.entries, header.metadata, name);
    const auto again = detail::parse_safetensors_header(std::string_view(bytes).substr(8), data_bytes, name);
    if (again.metadata != header.metadata || again.entries.size() != header.entries.size()) {
      fuzz::finding("a header that is another one once it was written");
    }
    for (std::size_t i = 0; i < again.entries.size(); ++i) {
      const auto &a = again.entries[i], &b = header.entries[i];
      const bool same = a.name == b.name && a.type == b.type && a.shape == b.shape && a.begin == b.begin;
      if (!same) fuzz::finding("a tensor that is another one once its header was written");
    }
  });
}
