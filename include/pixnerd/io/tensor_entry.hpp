// SPDX-License-Identifier: MIT
/// \file
/// Tensors as files of every format list them: name, element type, shape and place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/core/shape.hpp>

namespace pixnerd {

/// Element types of tensors in files.
enum class TensorType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

/// One tensor of a file.
struct TensorEntry {
  std::string name;
  TensorType type = TensorType::f32;
  Shape shape;
  std::uint64_t begin = 0;  ///< where its bytes begin; each format says counted from where
  std::uint64_t bytes = 0;  ///< how many it has: elements times bytes an element
};

/// Strings that a file stores beside its tensors, by key.
using TensorMetadata = std::map<std::string, std::string>;

/// All tensors of a file, in the order of the file, and its metadata.
struct TensorDirectory {
  std::vector<TensorEntry> entries;
  std::vector<std::uint32_t> by_name;  ///< positions in `entries`, sorted by name: see index_names()
  TensorMetadata metadata;

  /// Makes `by_name` of the entries.
  void index_names() {
    by_name.resize(entries.size());
    std::iota(by_name.begin(), by_name.end(), 0u);
    std::sort(by_name.begin(), by_name.end(),
              [&](std::uint32_t a, std::uint32_t b) { return entries[a].name < entries[b].name; });
  }

  /// The tensor of that name; null where there is none.
  const TensorEntry* find(std::string_view name) const {
    const auto found =
        std::lower_bound(by_name.begin(), by_name.end(), name,
                         [&](std::uint32_t i, std::string_view n) { return entries[i].name < n; });
    return found != by_name.end() && entries[*found].name == name ? &entries[*found] : nullptr;
  }
};

namespace detail {

struct TensorTypeFacts {
  TensorType type;
  std::string_view name;
  std::uint64_t bytes;
};

inline constexpr TensorTypeFacts tensor_types[] = {
    {TensorType::f64, "F64", 8},     {TensorType::f32, "F32", 4}, {TensorType::f16, "F16", 2},
    {TensorType::bf16, "BF16", 2},   {TensorType::i64, "I64", 8}, {TensorType::i32, "I32", 4},
    {TensorType::i16, "I16", 2},     {TensorType::i8, "I8", 1},   {TensorType::u8, "U8", 1},
    {TensorType::boolean, "BOOL", 1}};

}  // namespace detail

/// The name of an element type as safetensors files spell it: "F32", "BF16", …
constexpr std::string_view type_name(TensorType type) {
  return detail::tensor_types[static_cast<int>(type)].name;
}

/// Bytes of one element.
constexpr std::uint64_t element_bytes(TensorType type) {
  return detail::tensor_types[static_cast<int>(type)].bytes;
}

namespace detail {

/// A name from a file for a message: escaped as in JSON, and cut where it is absurdly long.
inline std::string quoted_name(std::string_view name) {
  // Cuts between characters, not inside one.
  std::size_t end = std::min<std::size_t>(name.size(), 200);
  while (end > 0 && end < name.size() && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  const nlohmann::json start = std::string(name.substr(0, end));
  return start.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
         (end < name.size() ? "..." : "");
}

/// `"name" (F32 (2, 3))`, for messages.
inline std::string describe(const TensorEntry& entry) {
  return str_cat(quoted_name(entry.name), " (", type_name(entry.type), " ", entry.shape, ")");
}

/// Bytes of a tensor; nothing where the product of its nonzero sizes overflows 63 bits. Sizes of 0 do not
/// hide an overflow, since strides are products of the other sizes.
template <class Sizes>
std::optional<std::uint64_t> tensor_bytes(TensorType type, const Sizes& sizes) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t product = element_bytes(type);
  bool empty = false;
  for (const auto size : sizes) {
    empty = empty || size == 0;
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1));
    if (product > most / factor) return {};
    product *= factor;
  }
  return empty ? 0 : product;
}

}  // namespace detail
}  // namespace pixnerd
