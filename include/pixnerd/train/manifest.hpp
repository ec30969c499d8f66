// SPDX-License-Identifier: MIT
/// \file
/// manifest.json: sizes and checksums of the files of a folder, to detect damaged checkpoints.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/train/tidy_json.hpp>

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

/// Writes `folder`/manifest.json, which lists the named files of the folder. They must be complete.
inline void write_manifest(const std::string& folder, const std::vector<std::string>& names) {
  nlohmann::json manifest = nlohmann::json::object();
  const detail::TidyJson tidy(manifest);
  auto& files = manifest["files"] = nlohmann::json::object();
  for (const auto& name : names) {
    const InputFile file(folder + "/" + name);
    auto& facts = files[name] = nlohmann::json::object();
    facts["bytes"] = file.size();
    facts["crc32"] = file_crc32(file);
  }
  write_file_atomic(folder + "/manifest.json", manifest.dump(2) + "\n");
}

/// What is wrong with a folder according to its manifest.json, in a few words; empty when every file that it
/// lists is there with its size and checksum. Throws FileError, naming the file, when one cannot be read: its
/// contents may be fine.
inline std::string manifest_problem(const std::string& folder) {
  const std::string path = folder + "/manifest.json";
  if (std::string problem = detail::absence_of_file(path); !problem.empty()) return problem;
  constexpr std::uint64_t most = 1 << 20;
  const InputFile manifest(path);
  if (manifest.size() > most) return str_cat("its manifest.json has more than ", most, " bytes");
  std::vector<std::uint8_t> bytes(manifest.size());
  manifest.read_at(0, bytes);
  auto parsed = try_parse_json(bytes);
  auto json = parsed ? std::move(*parsed) : nlohmann::json();
  const detail::TidyJson tidy(json);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object() || json["files"].empty()) {
    return "its manifest.json lists no files";
  }
  for (const auto& [name, facts] : json["files"].items()) {
    // A zero would end the name early.
    if (name.empty() || name.find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
      return "its manifest.json names a file elsewhere";
    }
    if (std::string problem = detail::absence_of_file(folder + "/" + name); !problem.empty()) return problem;
    const InputFile file(folder + "/" + name);
    if (!facts.is_object() || !facts.contains("bytes") || facts["bytes"] != file.size()) {
      return str_cat(name, " has not the size in manifest.json");
    }
    if (!facts.contains("crc32") || facts["crc32"] != file_crc32(file)) {
      return str_cat(name, " has not the checksum in manifest.json");
    }
  }
  return "";
}

}  // namespace pixnerd
