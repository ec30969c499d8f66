// SPDX-License-Identifier: MIT
/// \file
/// Converts PyTorch checkpoints, and other files of tensors, to safetensors files.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/io/safetensors/writer.hpp>
#include <pixnerd/io/tensor_file.hpp>

namespace pixnerd {

/// Types of the floating-point tensors of a converted file. Integers and booleans always stay as they are.
enum class StoredPrecision : std::uint8_t {
  keep,      ///< each as it was
  float32,   ///< rounded from float64, exact from all others
  bfloat16,  ///< rounded to nearest by way of float32
};

/// What convert_checkpoint() wrote.
struct ConvertedCheckpoint {
  std::size_t tensors = 0;
  std::uint64_t bytes_read = 0;             ///< of their elements
  std::uint64_t bytes_written = 0;          ///< of their elements
  std::map<TensorType, std::size_t> types;  ///< how many tensors of each type were written
  bool committed = false;                   ///< whether the file is there
};

namespace detail {

constexpr bool is_floating(TensorType type) {
  return type == TensorType::f64 || type == TensorType::f32 || type == TensorType::f16 ||
         type == TensorType::bf16;
}

constexpr TensorType stored_type(TensorType type, StoredPrecision precision) {
  if (precision == StoredPrecision::keep || !is_floating(type)) return type;
  return precision == StoredPrecision::float32 ? TensorType::f32 : TensorType::bf16;
}

/// The bytes of float32 or bfloat16 made of a piece of a tensor. Throws FileError for finite numbers beyond
/// that type.
inline std::span<const std::uint8_t> converted_bytes(const TensorFile& from, const TensorEntry& entry,
                                                     std::span<const std::uint8_t> piece,
                                                     StoredPrecision precision, std::vector<float>& values,
                                                     std::vector<bfloat16>& rounded) {
  const auto as_bytes = [](const auto& elements) {
    const auto span = std::span(elements);
    return std::span(reinterpret_cast<const std::uint8_t*>(span.data()), span.size_bytes());
  };
  values.resize(piece.size() / element_bytes(entry.type));
  convert_or_throw("convert", from.path(), entry, piece.data(), std::span(values));
  if (precision == StoredPrecision::float32) return as_bytes(values);
  rounded.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    rounded[i] = bfloat16(values[i]);
    if (std::isinf(static_cast<float>(rounded[i])) && std::isfinite(values[i])) {
      raise<FileError>("convert", str_cat("numbers within the range of BF16 in '", from.path(), "'"),
                       str_cat(values[i], " in tensor ", describe(entry)));
    }
  }
  return as_bytes(rounded);
}

/// "denoiser. (98), optimizer_states. (12)": how the names of a file begin, the most frequent first.
inline std::string name_beginnings(const TensorFile& file) {
  std::map<std::string, std::size_t> counts;
  for (const auto& entry : file.entries()) ++counts[entry.name.substr(0, entry.name.find('.') + 1)];
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.second > b.second; });
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < std::min(sorted.size(), most); ++i) {
    const std::string name = sorted[i].first.empty() ? "without a dot" : quoted_name(sorted[i].first);
    out += str_cat(i == 0 ? "" : ", ", name, " (", sorted[i].second, ")");
  }
  return out + (sorted.size() > most ? ", ..." : "");
}

}  // namespace detail

/// Writes the tensors of a file whose names begin with `prefix` to a safetensors file, under the rest of
/// their names; all of them under their own names where the prefix is empty. Needs memory for one tensor at a
/// time, less if the input is itself a safetensors file. progress(share) is called after each piece;
/// returning false cancels, and no file is written. Metadata are copied, `added` and "source", the name of
/// the input, are added.
///
/// Throws FileError when the file cannot be read (see TensorFile), holds no such tensor or a number beyond
/// the precision, or the new file cannot be written: it appears complete or not at all.
inline ConvertedCheckpoint convert_checkpoint(const TensorFile& from, const std::string& to,
                                              const std::string& prefix = "",
                                              const std::function<bool(double share)>& progress = {},
                                              StoredPrecision precision = StoredPrecision::keep,
                                              const TensorMetadata& added = {}) {
  std::vector<TensorEntry> entries;
  std::uint64_t all = 0;
  for (const auto& entry : from.entries()) {
    if (!entry.name.starts_with(prefix) || entry.name.size() == prefix.size()) continue;
    entries.push_back(
        {entry.name.substr(prefix.size()), detail::stored_type(entry.type, precision), entry.shape});
    all += entry.bytes;
  }
  if (entries.empty()) {
    raise<FileError>("convert",
                     prefix.empty() ? str_cat("tensors in '", from.path(), "'")
                                    : str_cat("tensors whose names begin with ", detail::quoted_name(prefix),
                                              " in '", from.path(), "'"),
                     from.entries().empty() ? "none at all"
                                            : str_cat(from.entries().size(), " that begin with ",
                                                      detail::name_beginnings(from)));
  }
  TensorMetadata metadata = from.metadata();
  for (const auto& [key, value] : added) metadata[key] = value;
  // Quoting makes UTF-8 of whatever a file is called.
  const std::string source = detail::quoted_name(from.path().substr(from.path().rfind('/') + 1));
  metadata["source"] = source.substr(1, source.size() - 2);
  SafetensorsWriter writer(to, std::move(entries), std::move(metadata));
  ConvertedCheckpoint done;
  std::vector<float> values;
  std::vector<bfloat16> rounded;
  bool goes_on = true;
  for (const auto& entry : writer.entries()) {
    const auto& source = from.entry(prefix + entry.name);
    const bool is_same = entry.type == source.type;
    const auto write = [&](std::span<const std::uint8_t> piece) {
      constexpr std::size_t most = 1 << 20;  // a multiple of every width
      for (; goes_on && !piece.empty(); piece = piece.subspan(std::min(most, piece.size()))) {
        const auto now = piece.first(std::min(most, piece.size()));
        writer.write_part(
            entry.name,
            is_same ? now : detail::converted_bytes(from, source, now, precision, values, rounded));
        done.bytes_read += now.size();
        goes_on = !progress || progress(static_cast<double>(done.bytes_read) / static_cast<double>(all));
      }
    };
    if (source.bytes == 0) writer.write(entry.name, {});
    from.for_each_piece(source, write);
    if (!goes_on) return done;
    ++done.tensors;
    done.bytes_written += entry.bytes;
    ++done.types[entry.type];
  }
  writer.commit();
  done.committed = true;
  return done;
}

}  // namespace pixnerd
