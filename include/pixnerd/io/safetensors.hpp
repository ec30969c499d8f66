/// \file
/// Reading safetensors files: tensors by name, on demand, from files that nobody vouches for.
///
/// A file is read strictly: what is not exactly the format throws, before a tensor is asked for. Writing is
/// in safetensors_writer.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/file.hpp>
#include <pixnerd/io/safetensors_convert.hpp>
#include <pixnerd/io/safetensors_header.hpp>
#include <pixnerd/io/safetensors_json.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// An open safetensors file. The header is read and checked at once, a tensor when it is asked for. Threads
/// may share one.
///
///     const SafetensorsFile file("model.safetensors");
///     for (const auto& entry : file.entries()) …
///     const auto weight = file.read<float>("s_embedder.proj.weight");
class SafetensorsFile {
 public:
  /// Throws FileError, naming the file and the tensor, when it is missing, unreadable, or not a safetensors
  /// file: a header above 100 MB or beyond the end, malformed JSON, unknown types, more than 8 axes, sizes
  /// whose product overflows, tensors that overlap or leave a gap, doubled names, bytes left over.
  explicit SafetensorsFile(const std::string& path) : file_(path) {
    if (file_.size() < 8) {
      raise<FileError>("safetensors", text("at least 8 bytes in '", path, "'"), text(file_.size()));
    }
    std::uint8_t prefix[8];
    file_.read_at(0, prefix);
    std::uint64_t length = 0;
    for (int k = 7; k >= 0; --k) length = length << 8 | prefix[k];
    const std::uint64_t limit = std::min(detail::safetensors_header_limit, file_.size() - 8);
    if (length > limit) {
      raise<FileError>("safetensors", text("a header of at most ", limit, " bytes in '", path, "'"),
                       text(length));
    }
    std::string json(length, '\0');
    file_.read_at(8, std::span(reinterpret_cast<std::uint8_t*>(json.data()), json.size()));
    data_begin_ = 8 + length;
    header_ = detail::parse_safetensors_header(json, file_.size() - data_begin_, path);
  }

  const std::string& path() const { return file_.path(); }

  /// All tensors, in the order of their bytes.
  const std::vector<SafetensorsEntry>& entries() const { return header_.entries; }

  /// What `__metadata__` holds; empty where the file has none.
  const SafetensorsMetadata& metadata() const { return header_.metadata; }

  /// The value of one key. Throws FileError when there is none.
  const std::string& metadata(const std::string& key) const {
    const auto found = header_.metadata.find(key);
    if (found == header_.metadata.end()) {
      raise<FileError>("safetensors", text("metadata ", detail::quoted_name(key), " in '", path(), "'"),
                       "none of that key");
    }
    return found->second;
  }

  bool contains(std::string_view name) const { return header_.find(name) != nullptr; }

  /// Throws FileError when there is no tensor of that name.
  const SafetensorsEntry& entry(std::string_view name) const {
    const auto* found = header_.find(name);
    if (found == nullptr) {
      raise<FileError>("safetensors", text("a tensor ", detail::quoted_name(name), " in '", path(), "'"),
                       text(entries().size(), " tensors of other names"));
    }
    return *found;
  }

  /// Copies the bytes of a tensor as they lie. Throws ValueError unless `out` has `entry.bytes` bytes,
  /// FileError when the disk fails or the file has shrunk since it was opened.
  void read_bytes(const SafetensorsEntry& entry, std::span<std::uint8_t> out) const {
    if (out.size() != entry.bytes) {
      raise<ValueError>("safetensors",
                        text("room for the ", entry.bytes, " bytes of tensor ", detail::describe(entry)),
                        text(out.size()));
    }
    file_.read_at(data_begin_ + entry.begin, out);
  }

  /// Reads a tensor's elements as T, row-major: float and double from any floating type, rounded to
  /// nearest; bfloat16 from BF16; integers from any integer type, and BOOL as 0 and 1. Throws ValueError
  /// unless `out` has as many elements, FileError when the types do not go together or a value is beyond T.
  template <SafetensorsElement T>
  void read(const SafetensorsEntry& entry, std::span<T> out) const {
    detail::check_readable<T>("safetensors", path(), entry, out.size());
    if (entry.type == safetensors_type_of<T>) {
      read_bytes(entry, std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()));
      return;
    }
    // Piece by piece: the bytes of a large tensor need not lie in memory beside its elements.
    constexpr std::size_t piece_elements = 1 << 16;
    const std::uint64_t width = element_bytes(entry.type);
    std::vector<std::uint8_t> piece(std::min(out.size(), piece_elements) * width);
    for (std::size_t done = 0; done < out.size();) {
      const std::size_t now = std::min(out.size() - done, piece_elements);
      file_.read_at(data_begin_ + entry.begin + done * width, std::span(piece).first(now * width));
      detail::convert_or_throw("safetensors", path(), entry, piece.data(), out.subspan(done, now));
      done += now;
    }
  }

  /// The same, into a new vector.
  template <SafetensorsElement T>
  std::vector<T> read(std::string_view name) const {
    const auto& found = entry(name);
    std::vector<T> out(static_cast<std::size_t>(found.shape.count()));
    read(found, std::span(out));
    return out;
  }

  /// The same, into a new tensor.
  template <SafetensorsElement T, class Device = Cpu>
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

 private:
  InputFile file_;
  SafetensorsHeader header_;
  std::uint64_t data_begin_ = 0;
};

}  // namespace pixnerd
