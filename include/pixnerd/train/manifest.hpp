/// \file
/// manifest.json: the sizes and checksums of the files of a folder, by which a damaged checkpoint is known.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/json_file.hpp>

namespace pixnerd {

/// CRC-32 (zlib's) of a file, as eight hexadecimal digits. Throws FileError when it cannot be read.
inline std::string file_crc32(const InputFile& file) {
  std::vector<std::uint8_t> piece(std::min<std::uint64_t>(file.size(), 1 << 20));
  unsigned long sum = ::crc32(0, nullptr, 0);
  for (std::uint64_t done = 0; done < file.size();) {
    const auto part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), file.size() - done));
    file.read_at(done, part);
    sum = ::crc32(sum, part.data(), static_cast<unsigned>(part.size()));
    done += part.size();
  }
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08lx", sum);
  return digits;
}

/// Writes `folder`/manifest.json about the named files of the folder, which must be complete.
inline void write_manifest(const std::string& folder, const std::vector<std::string>& names) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& name : names) {
    const InputFile file(folder + "/" + name);
    files[name] = {{"bytes", file.size()}, {"crc32", file_crc32(file)}};
  }
  write_file_atomic(folder + "/manifest.json", nlohmann::json{{"files", files}}.dump(2) + "\n");
}

/// What is wrong with a folder according to its manifest.json, in a few words; empty when every file that it
/// lists is there with its size and checksum. Never throws for damage.
inline std::string manifest_problem(const std::string& folder) {
  try {
    const auto bytes = read_file(folder + "/manifest.json", 1 << 20);
    const auto parsed = parse_json(bytes);
    const auto json = parsed ? *parsed : nlohmann::json();
    if (!json.is_object() || !json.contains("files") || !json["files"].is_object() || json["files"].empty()) {
      return "its manifest.json lists no files";
    }
    for (const auto& [name, facts] : json["files"].items()) {
      // A zero would end the name early.
      if (name.empty() || name.find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
        return "its manifest.json names a file elsewhere";
      }
      const InputFile file(folder + "/" + name);
      if (!facts.is_object() || !facts.contains("bytes") || facts["bytes"] != file.size()) {
        return text(name, " has not the size in manifest.json");
      }
      if (!facts.contains("crc32") || facts["crc32"] != file_crc32(file)) {
        return text(name, " has not the checksum in manifest.json");
      }
    }
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

}  // namespace pixnerd
