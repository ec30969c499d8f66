// SPDX-License-Identifier: MIT
/// \file
/// Writes safetensors files, tensor by tensor, atomically.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/convert_elements.hpp>
#include <pixnerd/io/file.hpp>
#include <pixnerd/io/safetensors/header.hpp>
#include <pixnerd/io/safetensors/header_json.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

namespace detail {

/// Computes the offset of every tensor. Tensors with the widest elements come first, otherwise the order
/// stays: readers that map the file need aligned tensors, and the format allows no padding between them.
/// Throws ValueError for tensors that no file can hold.
inline std::vector<TensorEntry> lay_out_safetensors(std::vector<TensorEntry> entries,
                                                    const std::string& path) {
  std::set<std::string_view> names;
  std::uint64_t total = 0;
  for (auto& entry : entries) {
    const auto wrong = [&](std::string_view expected, std::string_view got) {
      raise<ValueError>("write safetensors", str_cat(expected, " for '", path, "'"), got);
    };
    if (entry.name == "__metadata__") wrong("a name other than \"__metadata__\"", "that name");
    if (!names.insert(entry.name).second) {
      wrong("one tensor of each name", str_cat("two ", quoted_name(entry.name)));
    }
    const auto bytes = tensor_bytes(entry.type, entry.shape);
    // The total, too, stays below 2^63, the largest offset a header may hold.
    if (!bytes || *bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - total) {
      wrong("fewer than 2^63 bytes", str_cat("more with ", describe(entry)));
    }
    entry.bytes = *bytes;
    total += *bytes;
  }
  std::vector<TensorEntry> out;
  std::uint64_t end = 0;
  for (const std::uint64_t width : {8, 4, 2, 1}) {
    for (auto& entry : entries) {
      if (element_bytes(entry.type) != width) continue;
      entry.begin = end;
      end += entry.bytes;
      out.push_back(std::move(entry));
    }
  }
  return out;
}

}  // namespace detail

/// Writes a safetensors file in one pass. The file appears under its name, complete and on the disk, with
/// `commit`, and not at all otherwise; see AtomicFile.
///
///     SafetensorsWriter writer(path, {{"a", TensorType::f32, {2, 3}}, …}, {{"config", "…"}});
///     for (const auto& entry : writer.entries()) writer.write(entry.name, bytes_of(entry.name));
///     writer.commit();
class SafetensorsWriter {
 public:
  /// Name, type and shape of every tensor; their places are computed. Adds `format: pt` to the metadata,
  /// without which some readers refuse a file. Throws ValueError for a doubled name, text that is not UTF-8
  /// or a header beyond the reader's limits; FileError when `path` cannot be written.
  SafetensorsWriter(const std::string& path, std::vector<TensorEntry> entries, TensorMetadata metadata = {})
      : entries_(detail::lay_out_safetensors(std::move(entries), path)),
        header_(make_header(path, std::move(metadata))),
        file_(path, header_.size() + data_bytes()) {
    file_.write(std::span(reinterpret_cast<const std::uint8_t*>(header_.data()), header_.size()));
    header_ = {};
  }

  /// All tensors, in the order in which `write` wants them: widest elements first, otherwise as they were
  /// given.
  const std::vector<TensorEntry>& entries() const { return entries_; }

  /// Appends a tensor's bytes, little-endian and row-major. Throws ValueError unless it is the next tensor
  /// and has that many bytes; FileError, naming the bytes needed, when the disk is full.
  void write(std::string_view name, std::span<const std::uint8_t> bytes) {
    check_next(name, bytes.size(), /*is_whole=*/true);
    write_part(name, bytes);
  }

  /// The same in parts: a tensor is complete once all of its bytes have been written. Also throws ValueError
  /// when `bytes` exceed what the tensor still lacks.
  void write_part(std::string_view name, std::span<const std::uint8_t> bytes) {
    check_next(name, bytes.size(), /*is_whole=*/false);
    file_.write(bytes);
    part_ += bytes.size();
    if (part_ < entries_[next_].bytes) return;
    part_ = 0;
    ++next_;
  }

  /// Makes the file durable and gives it its name. Throws ValueError when tensors are missing, FileError when
  /// the disk is full or fails.
  void commit() {
    if (next_ != entries_.size()) {
      raise<ValueError>("write safetensors", str_cat(entries_.size(), " tensors in '", file_.path(), "'"),
                        str_cat(next_));
    }
    file_.commit();
  }

 private:
  void check_next(std::string_view name, std::uint64_t bytes, bool is_whole) const {
    if (next_ == entries_.size() || name != entries_[next_].name) {
      const std::string next =
          next_ < entries_.size() ? detail::describe(entries_[next_]) : "no further tensor";
      raise<ValueError>("write safetensors", str_cat(next, " next in '", file_.path(), "'"),
                        detail::quoted_name(name));
    }
    const auto& entry = entries_[next_];
    const std::uint64_t lacking = entry.bytes - part_;
    if (is_whole ? bytes != entry.bytes || part_ > 0 : bytes > lacking) {
      raise<ValueError>("write safetensors",
                        str_cat(is_whole ? "" : "at most ", lacking, " bytes of tensor ",
                                detail::describe(entry), " in '", file_.path(), "'"),
                        str_cat(bytes));
    }
  }

  std::uint64_t data_bytes() const {
    return entries_.empty() ? 0 : entries_.back().begin + entries_.back().bytes;
  }

  std::string make_header(const std::string& path, TensorMetadata metadata) const {
    metadata.emplace("format", "pt");
    std::string header = detail::format_safetensors_header(entries_, metadata, path);
    if (header.size() - 8 > detail::safetensors_header_limit) {
      raise<ValueError>(
          "write safetensors",
          str_cat("a header of at most ", detail::safetensors_header_limit, " bytes for '", path, "'"),
          str_cat(header.size() - 8));
    }
    try {
      (void)detail::parse_safetensors_header(std::string_view(header).substr(8), data_bytes(), path);
    } catch (const FileError& error) {
      raise<ValueError>("write safetensors", str_cat("a header that can be read again for '", path, "'"),
                        error.what());
    }
    return header;
  }

  std::vector<TensorEntry> entries_;
  std::string header_;
  AtomicFile file_;
  std::size_t next_ = 0;
  std::uint64_t part_ = 0;  ///< bytes of the next tensor that are written
};

/// A non-owning, named view of elements, for `write_safetensors`.
struct SafetensorsView {
  std::string name;
  TensorType type = TensorType::f32;
  Shape shape;
  std::span<const std::uint8_t> bytes;
};

/// A view of `values` as a tensor of that shape.
template <TensorElement T>
SafetensorsView safetensors_view(std::string name, const Shape& shape, std::span<const T> values) {
  return {std::move(name), tensor_type_of<T>, shape,
          std::span(reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes())};
}

/// The same for a tensor. The view does not keep its memory alive.
template <TensorElement T>
SafetensorsView safetensors_view(std::string name, const Tensor<T, Cpu>& tensor) {
  return safetensors_view(std::move(name), tensor.shape(),
                          std::span<const T>(tensor.data(), static_cast<std::size_t>(tensor.count())));
}

/// Writes all tensors to one file; see SafetensorsWriter.
inline void write_safetensors(const std::string& path, const std::vector<SafetensorsView>& tensors,
                              TensorMetadata metadata = {}) {
  std::vector<TensorEntry> entries;
  std::map<std::string_view, std::span<const std::uint8_t>> bytes;
  for (const auto& tensor : tensors) {
    entries.push_back({tensor.name, tensor.type, tensor.shape});
    bytes.emplace(tensor.name, tensor.bytes);
  }
  SafetensorsWriter writer(path, std::move(entries), std::move(metadata));
  for (const auto& entry : writer.entries()) writer.write(entry.name, bytes.at(entry.name));
  writer.commit();
}

}  // namespace pixnerd
