// SPDX-License-Identifier: MIT
/// \file
/// The interface of files of named tensors, shared by all formats that models load from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/convert_elements.hpp>
#include <pixnerd/io/tensor_entry.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// An open file of tensors. Names, types and shapes are known; elements are read on demand. Formats are
/// SafetensorsFile, ShardedSafetensors and TorchCheckpoint; open_tensor_file() chooses between
/// SafetensorsFile and TorchCheckpoint by content. Safe to use from several threads.
class TensorFile {
 public:
  virtual ~TensorFile() = default;

  const std::string& path() const { return path_; }

  /// All tensors, in the order of the file.
  const std::vector<TensorEntry>& entries() const { return header_.entries; }

  /// Strings stored beside the tensors, by key; may be empty.
  const TensorMetadata& metadata() const { return header_.metadata; }

  /// The text of one key. Throws FileError when there is none.
  const std::string& metadata(const std::string& key) const {
    const auto found = header_.metadata.find(key);
    if (found == header_.metadata.end()) {
      raise<FileError>(where_, str_cat("metadata ", detail::quoted_name(key), " in '", path_, "'"),
                       "none of that key");
    }
    return found->second;
  }

  bool contains(std::string_view name) const { return header_.find(name) != nullptr; }

  /// Throws FileError when there is no tensor of that name.
  const TensorEntry& entry(std::string_view name) const {
    const auto* found = header_.find(name);
    if (found == nullptr) {
      raise<FileError>(where_, str_cat("a tensor ", detail::quoted_name(name), " in '", path_, "'"),
                       str_cat(entries().size(), " tensors of other names"));
    }
    return *found;
  }

  /// Copies the bytes of a tensor's elements, row-major and little-endian. Throws ValueError unless `out` has
  /// `entry.bytes` bytes, FileError when the disk fails or the file is damaged there.
  void read_bytes(const TensorEntry& entry, std::span<std::uint8_t> out) const {
    if (out.size() != entry.bytes) {
      raise<ValueError>(where_,
                        str_cat("room for the ", entry.bytes, " bytes of tensor ", detail::describe(entry)),
                        str_cat(out.size()));
    }
    if (entry.bytes > 0) read_part(entry, 0, out);
  }

  /// The same in pieces of whole elements, one after the other: visitor(bytes). Pieces are small where the
  /// format can be read in parts; otherwise there is a single one.
  template <class Visitor>
  void for_each_piece(const TensorEntry& entry, Visitor visitor) const {
    std::vector<std::uint8_t> piece(std::min(entry.bytes, piece_bytes_));
    for (std::uint64_t done = 0; done < entry.bytes; done += piece.size()) {
      const auto now = std::span(piece).first(std::min<std::uint64_t>(entry.bytes - done, piece.size()));
      read_part(entry, done, now);
      visitor(std::span<const std::uint8_t>(now));
    }
  }

  /// Reads a tensor's elements as T, row-major: float and double from any floating type, rounded to
  /// nearest; bfloat16 from BF16; integers from any integer type, and BOOL as 0 and 1. Throws ValueError
  /// unless `out` has as many elements, FileError when the types do not go together or a value is beyond T.
  template <TensorElement T>
  void read(const TensorEntry& entry, std::span<T> out) const {
    detail::check_readable<T>(where_, path_, entry, out.size());
    if (entry.type == tensor_type_of<T>) {
      read_bytes(entry, std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()));
      return;
    }
    // Piece by piece: the bytes of a large tensor need not lie in memory beside its elements.
    std::size_t done = 0;
    for_each_piece(entry, [&](std::span<const std::uint8_t> bytes) {
      const std::size_t now = bytes.size() / element_bytes(entry.type);
      detail::convert_or_throw(where_, path_, entry, bytes.data(), out.subspan(done, now));
      done += now;
    });
  }

  /// The same, into a new vector.
  template <TensorElement T>
  std::vector<T> read(std::string_view name) const {
    const auto& found = entry(name);
    std::vector<T> out(static_cast<std::size_t>(found.shape.count()));
    read(found, std::span(out));
    return out;
  }

  /// The same, into a new tensor.
  template <TensorElement T, class Device = Cpu>
  Tensor<T, Device> tensor(std::string_view name) const {
    const auto& found = entry(name);
    if constexpr (std::same_as<Device, Cpu>) {
      Tensor<T, Cpu> out(found.shape);
      read(found, std::span<T>(out.data(), static_cast<std::size_t>(out.count())));
      return out;
    } else {
      return Tensor<T, Device>::from_host(found.shape, read<T>(name));
    }
  }

 protected:
  /// `where` begins the messages of errors. Whoever derives from this fills in `header_`.
  TensorFile(const char* where, std::string path, std::uint64_t piece_bytes)
      : header_(), where_(where), path_(std::move(path)), piece_bytes_(piece_bytes) {}
  TensorFile(TensorFile&&) = default;
  TensorFile& operator=(TensorFile&&) = default;

  /// Fills `out`, which is not empty, with the bytes of a tensor from `begin` on.
  virtual void read_part(const TensorEntry& entry, std::uint64_t begin,
                         std::span<std::uint8_t> out) const = 0;

  /// As piece_bytes: read_part() is asked for whole tensors only.
  static constexpr std::uint64_t whole_tensors = std::numeric_limits<std::uint64_t>::max();

  TensorDirectory header_;

 private:
  const char* where_;
  std::string path_;
  std::uint64_t piece_bytes_;
};

}  // namespace pixnerd
