// SPDX-License-Identifier: MIT
/// \file
/// Shared by tests of safetensors files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/file.hpp>

namespace pixnerd::test {

/// The bytes of a file with that header, without padding, and that data.
inline std::string safetensors_text(std::string_view json, std::string_view data = "") {
  std::string out(8, '\0');
  for (int k = 0; k < 8; ++k) out[k] = static_cast<char>(json.size() >> 8 * k & 0xff);
  out += json;
  out += data;
  return out;
}

/// "00ff" to two bytes.
inline std::vector<std::uint8_t> from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return out;
}

inline std::string read_text(const std::string& path) {
  const auto bytes = read_file(path, 1 << 24);
  return std::string(bytes.begin(), bytes.end());
}

/// A file of eleven tensors of all types, as written by the Python package safetensors 0.8: its header
/// without the padding, and its data.
inline constexpr std::string_view python_header =
    R"({"__metadata__":{"config":"{\"a\": \"ü\\n\"}"},"long":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
    R"("double":{"dtype":"F64","shape":[],"data_offsets":[16,24]},"none":{"dtype":"F32","shape":[0,4],"data_offsets":)"
    R"([24,24]},"single":{"dtype":"F32","shape":[2,2],"data_offsets":[24,40]},"int":{"dtype":"I32","shape":[1],)"
    R"("data_offsets":[40,44]},"brain":{"dtype":"BF16","shape":[2],"data_offsets":[44,48]},"half":{"dtype":"F16",)"
    R"("shape":[3],"data_offsets":[48,54]},"short":{"dtype":"I16","shape":[1],"data_offsets":[54,56]},"ä\"\n":)"
    R"({"dtype":"I8","shape":[2],"data_offsets":[56,58]},"byte":{"dtype":"U8","shape":[1],"data_offsets":[58,59]},)"
    R"("flags":{"dtype":"BOOL","shape":[3],"data_offsets":[59,62]}})";
inline constexpr std::string_view python_data =
    "fdffffffffffffff0000000000010000182d4454fb2109400000803f000000bf000050406f12833a90eefeffc03f00c0003e00c0"
    "0100d4fe"
    "ff05fe010001";

inline std::string python_file() {
  std::string header(python_header);
  header.resize(696, ' ');
  const auto data = from_hex(python_data);
  return safetensors_text(header, std::string(data.begin(), data.end()));
}

}  // namespace pixnerd::test
