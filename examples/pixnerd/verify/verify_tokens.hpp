// SPDX-License-Identifier: MIT
/// \file
/// The tokenizer against the tokens that another implementation gave to texts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/io/tensor_entry.hpp>
#include <pixnerd/text/tokenizer.hpp>

#include "verify/comparison.hpp"

namespace pixnerd::program {

/// Whether a reference file holds tokens: those are JSON, files of tensors never are.
inline bool holds_tokens(const std::string& path) {
  return path.ends_with(".json");
}

/// The ids from `place` on, a few of them, for messages.
inline std::string some_ids(const std::vector<std::int64_t>& ids, std::size_t place) {
  if (place >= ids.size()) return " none";
  const std::size_t end = std::min(ids.size(), place + 8);
  std::string out;
  for (std::size_t i = place; i < end; ++i) out += str_cat(" ", ids[i]);
  return out + (end < ids.size() ? " ..." : "");
}

/// The file is a list of {"text": ..., "ids": [...]}, and the tokenizer.json that made it lies beside it. A
/// text counts as a tensor whose error is the number of places where its ids differ, and must be zero.
inline Comparison verify_tokens(const std::string& path) {
  const auto entries = read_json_file(path, "verify");
  const auto is_entry = [](const nlohmann::json& entry) {
    if (!entry.is_object() || !entry.contains("text") || !entry.contains("ids")) return false;
    const auto& ids = entry["ids"];
    return entry["text"].is_string() && ids.is_array() &&
           std::all_of(ids.begin(), ids.end(), [](const auto& id) { return id.is_number_integer(); });
  };
  if (!entries.is_array() || entries.empty() || !std::all_of(entries.begin(), entries.end(), is_entry)) {
    raise<FileError>("verify",
                     str_cat("a list of {\"text\": \"...\", \"ids\": [whole numbers]} in '", path, "'"),
                     "another file");
  }
  const Tokenizer tokenizer((std::filesystem::path(path).parent_path() / "tokenizer.json").string());
  Comparison comparison;
  for (const auto& entry : entries) {
    const auto characters = entry["text"].get<std::string>();
    const auto theirs = entry["ids"].get<std::vector<std::int64_t>>();
    const auto ours = tokenizer.encode(characters);
    std::string name = pixnerd::detail::quoted_name(characters);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
      if (i < ours.size() && i < theirs.size() && ours[i] == theirs[i]) continue;
      if (wrong++ == 0)
        name +=
            str_cat(" from token ", i, " on: expected ids", some_ids(theirs, i), ", got", some_ids(ours, i));
    }
    comparison.add(name, static_cast<double>(wrong), 0);
  }
  return comparison;
}

}  // namespace pixnerd::program
