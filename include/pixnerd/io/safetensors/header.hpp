// SPDX-License-Identifier: MIT
/// \file
/// The header of a safetensors file: names, element types, shapes and places of its tensors.
///
/// The file is 8 bytes N (little-endian), N bytes of JSON, and the tensors' elements (little-endian,
/// row-major):
///
///     {"__metadata__": {"key": "value", …},
///      "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …}
///
/// with offsets counted from the first byte after the JSON. The tensors' bytes fill the rest of the file,
/// without gap or overlap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/io/tensor_entry.hpp>

namespace pixnerd::detail {

/// Largest header in bytes; other readers of the format have the same limit.
inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;

// Limits on a header, far beyond any real model, so that reading it takes at most 64 MB beyond the file's
// size:
/// Tensors and keys of the metadata.
inline constexpr std::size_t safetensors_most_names = 100'000;
/// Characters of all names, keys and values of the metadata.
inline constexpr std::size_t safetensors_most_characters = 16'000'000;
/// Characters of one string or number as it stands in the JSON.
inline constexpr std::size_t safetensors_longest_token = 4'000'000;

/// The fields of one tensor in the header, before they are checked.
struct SafetensorsFields {
  std::optional<std::string> type;
  std::optional<std::vector<std::int64_t>> sizes;
  std::optional<std::vector<std::int64_t>> offsets;
};

/// Throws a FileError about one tensor.
[[noreturn]] inline void refuse_tensor(std::string_view name, const std::string& path,
                                       std::string_view expected, std::string_view got) {
  raise<FileError>("safetensors", str_cat(expected, " for tensor ", quoted_name(name), " of '", path, "'"),
                   got);
}

/// Makes an entry from the fields of a tensor. Throws FileError when they are inconsistent.
inline TensorEntry make_safetensors_entry(std::string name, const SafetensorsFields& fields,
                                          const std::string& path) {
  const auto wrong = [&](std::string_view expected, std::string_view got) {
    refuse_tensor(name, path, expected, got);
  };
  if (!fields.type) wrong("a \"dtype\"", "none");
  if (!fields.sizes) wrong("a \"shape\"", "none");
  if (!fields.offsets) wrong("\"data_offsets\"", "none");
  if (fields.offsets->size() != 2) wrong("two \"data_offsets\"", std::to_string(fields.offsets->size()));
  const auto facts = std::find_if(std::begin(tensor_types), std::end(tensor_types),
                                  [&](const auto& f) { return f.name == *fields.type; });
  if (facts == std::end(tensor_types)) {
    wrong("a dtype of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL", quoted_name(*fields.type));
  }
  const auto bytes = tensor_bytes(facts->type, *fields.sizes);
  if (!bytes) wrong("fewer than 2^63 bytes", "sizes whose product is larger");

  TensorEntry entry;
  for (const auto size : *fields.sizes) entry.shape.push_back(size);
  const std::int64_t begin = (*fields.offsets)[0], end = (*fields.offsets)[1];
  if (end - begin != static_cast<std::int64_t>(*bytes)) {
    wrong(str_cat("data_offsets ", *bytes, " bytes apart (", facts->name, " ", entry.shape, ")"),
          str_cat("[", begin, ", ", end, "]"));
  }
  entry.name = std::move(name);
  entry.type = facts->type;
  entry.begin = static_cast<std::uint64_t>(begin);
  entry.bytes = *bytes;
  return entry;
}

/// Sorts the entries by place and checks that they fill `data_bytes` bytes exactly.
inline void check_safetensors_layout(TensorDirectory& header, std::uint64_t data_bytes,
                                     const std::string& path) {
  auto& entries = header.entries;
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  header.index_names();
  const auto name_of = [&](std::uint32_t i) -> const std::string& { return entries[i].name; };
  const auto twice =
      std::adjacent_find(header.by_name.begin(), header.by_name.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return name_of(a) == name_of(b); });
  if (twice != header.by_name.end()) {
    raise<FileError>("safetensors", str_cat("one tensor of each name in '", path, "'"),
                     str_cat("two ", quoted_name(name_of(*twice))));
  }
  std::uint64_t end = 0;
  for (const auto& entry : entries) {
    if (entry.begin != end) {
      raise<FileError>("safetensors",
                       str_cat("tensor ", describe(entry), " of '", path, "' to begin at byte ", end,
                               " of the data, where the previous one ends"),
                       str_cat("byte ", entry.begin, entry.begin < end ? ", an overlap" : ", a gap"));
    }
    end += entry.bytes;  // no overflow: it equals the data_offsets' end, below 2^63
  }
  if (end != data_bytes) {
    raise<FileError>("safetensors", str_cat(end, " bytes of tensor data in '", path, "', as its header says"),
                     str_cat(data_bytes));
  }
}

}  // namespace pixnerd::detail
