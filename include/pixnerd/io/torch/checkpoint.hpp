// SPDX-License-Identifier: MIT
/// \file
/// Reads files written by torch.save, including Lightning checkpoints, without Python and without executing
/// anything: tensors by name, on demand.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/strided.hpp>
#include <pixnerd/io/tensor_file.hpp>
#include <pixnerd/io/torch/container.hpp>

namespace pixnerd {

/// An open checkpoint: all of its tensors, named by the keys of the dictionaries and lists that hold them,
/// joined by dots; those of "state_dict" without that key. Integers and short texts of the outermost
/// dictionary are its metadata.
///
///     const TorchCheckpoint file("epoch=3.ckpt");
///     const auto weight = file.read<float>("ema_denoiser.s_embedder.proj.weight");
class TorchCheckpoint : public TensorFile {
 public:
  /// Throws FileError, naming the file, when it is missing, damaged, or holds anything but tensors, numbers,
  /// strings, lists and dictionaries; the message then names what else it holds. Nothing in a file is ever
  /// executed.
  explicit TorchCheckpoint(const std::string& path)
      // Compressed entries can only be read from the start: reading them in parts would take quadratic time.
      : TensorFile("torch checkpoint", path, whole_tensors), container_(detail::open_torch_container(path)) {
    const auto& entries = container_->tensors().entries;
    header_.entries.assign(entries.begin(), entries.end());
    header_.index_names();
    header_.metadata = container_->tensors().texts;
  }

 protected:
  void read_part(const TensorEntry& of, std::uint64_t /*begin, of a whole tensor: 0*/,
                 std::span<std::uint8_t> out) const override {
    const auto index = static_cast<std::size_t>(&this->entry(of.name) - entries().data());
    const TorchEntry& entry = container_->tensors().entries[index];
    if (entry.bytes != out.size()) {
      raise<ValueError>("torch checkpoint", str_cat("tensor ", detail::describe(entry), " of '", path(), "'"),
                        str_cat("another of ", out.size(), " bytes"));
    }
    const TorchStorage& storage = container_->tensors().storages[entry.storage];
    const std::uint64_t width = element_bytes(entry.type);
    try {
      if (entry.is_contiguous()) {
        container_->read(storage, entry.offset * width, out);
      } else {
        std::vector<std::uint8_t> seen(entry.extent() * width);
        container_->read(storage, entry.offset * width, seen);
        detail::gather_strided(entry.shape, entry.strides, width, seen.data(), out);
      }
    } catch (const FileError& error) {
      raise<FileError>("torch checkpoint",
                       str_cat("the elements of tensor ", detail::describe(entry), " in '", path(), "'"),
                       error.what());
    }
  }

 private:
  std::unique_ptr<detail::TorchContainer> container_;
};

}  // namespace pixnerd
