// SPDX-License-Identifier: MIT
/// \file
/// Reads safetensors files: tensors by name, on demand, from untrusted files.
///
/// Reading is strict: any deviation from the format throws when the file is opened. Writing is in
/// io/safetensors/writer.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/io/file.hpp>
#include <pixnerd/io/safetensors/header_json.hpp>
#include <pixnerd/io/tensor_file.hpp>

namespace pixnerd {

/// An open safetensors file. The constructor reads and checks the header; tensors are read on demand. Safe to
/// use from several threads.
///
///     const SafetensorsFile file("model.safetensors");
///     for (const auto& entry : file.entries()) …
///     const auto weight = file.read<float>("s_embedder.proj.weight");
class SafetensorsFile : public TensorFile {
 public:
  /// Throws FileError, naming the file and the tensor, when it is missing, unreadable, or not a safetensors
  /// file: a header above 100 MB or beyond the end, malformed JSON, unknown types, more than 8 axes, sizes
  /// whose product overflows, tensors that overlap or leave a gap, doubled names, bytes left over.
  explicit SafetensorsFile(const std::string& path)
      : TensorFile("safetensors", path, /*piece_bytes=*/1 << 18), file_(path) {
    if (file_.size() < 8) {
      raise<FileError>("safetensors", str_cat("at least 8 bytes in '", path, "'"), str_cat(file_.size()));
    }
    std::uint8_t prefix[8];
    file_.read_at(0, prefix);
    std::uint64_t length = 0;
    for (int k = 7; k >= 0; --k) length = length << 8 | prefix[k];
    const std::uint64_t limit = std::min(detail::safetensors_header_limit, file_.size() - 8);
    if (length > limit) {
      raise<FileError>("safetensors", str_cat("a header of at most ", limit, " bytes in '", path, "'"),
                       str_cat(length));
    }
    std::string json(length, '\0');
    file_.read_at(8, std::span(reinterpret_cast<std::uint8_t*>(json.data()), json.size()));
    data_begin_ = 8 + length;
    header_ = detail::parse_safetensors_header(json, file_.size() - data_begin_, path);
  }

 protected:
  void read_part(const TensorEntry& entry, std::uint64_t begin, std::span<std::uint8_t> out) const override {
    // In fresh memory, page faults take longer than the copy itself, so threads share them.
    constexpr std::int64_t grain = 8 << 20;
    const std::uint64_t at = data_begin_ + entry.begin + begin;
    parallel_ranges(static_cast<std::int64_t>(out.size()), grain, [&](std::int64_t from, std::int64_t to) {
      const auto first = static_cast<std::uint64_t>(from), last = static_cast<std::uint64_t>(to);
      file_.read_at(at + first, out.subspan(first, last - first));
    });
  }

  InputFile file_;
  std::uint64_t data_begin_ = 0;  ///< bytes before the first tensor
};

}  // namespace pixnerd
