// SPDX-License-Identifier: MIT
/// \file
/// Opens a file of tensors of any format.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/torch/checkpoint.hpp>

namespace pixnerd {

/// Opens a safetensors file or a torch.save checkpoint; the first bytes decide, not the name. Throws
/// FileError, naming the file, when it is missing, neither of them, or damaged; see SafetensorsFile and
/// TorchCheckpoint.
inline std::unique_ptr<TensorFile> open_tensor_file(const std::string& path) {
  std::array<std::uint8_t, 9> first{};
  {
    const InputFile file(path);
    file.read_at(0, std::span(first).first(std::min<std::uint64_t>(first.size(), file.size())));
    if (file.size() == 0) {
      raise<FileError>("open tensors", str_cat("a safetensors file or what torch.save wrote in '", path, "'"),
                       "an empty file");
    }
  }
  // A safetensors file starts with the header's length, which may begin with any byte; the brace comes after
  // it.
  if (first[8] == '{') return std::make_unique<SafetensorsFile>(path);
  if ((first[0] == 'P' && first[1] == 'K') || first[0] == 0x80)
    return std::make_unique<TorchCheckpoint>(path);
  raise<FileError>("open tensors", str_cat("a safetensors file or what torch.save wrote in '", path, "'"),
                   "a file that begins otherwise");
}

}  // namespace pixnerd
