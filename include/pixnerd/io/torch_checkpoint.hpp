/// \file
/// Reading the files that torch.save writes, Lightning's checkpoints among them, without Python and without running
/// anything: tensors by name, on demand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/safetensors_convert.hpp>
#include <pixnerd/io/torch_container.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// An open checkpoint: all of its tensors, named by the keys of the dictionaries and lists that hold them, joined by dots;
/// those of "state_dict" without that key. Has the members of SafetensorsFile, so that models load from either.
///
///     const TorchCheckpoint file("epoch=3.ckpt");
///     const auto weight = file.read<float>("ema_denoiser.s_embedder.proj.weight");
class TorchCheckpoint {
 public:
  /// Throws FileError, naming the file, when it is missing, damaged, or holds anything but tensors, numbers, strings, lists
  /// and dictionaries; the message then names what else it holds. Nothing in a file is ever executed.
  explicit TorchCheckpoint(const std::string& path)
      : path_(path), container_(detail::open_torch_container(path)) {
    for (std::size_t i = 0; i < entries().size(); ++i) index_.emplace(entries()[i].name, i);
  }

  const std::string& path() const { return path_; }

  /// All tensors, in the order of the file's dictionaries.
  const std::vector<TorchEntry>& entries() const { return container_->tensors().entries; }

  bool contains(std::string_view name) const { return index_.contains(name); }

  /// Throws FileError when there is no tensor of that name.
  const TorchEntry& entry(std::string_view name) const {
    const auto found = index_.find(name);
    if (found == index_.end()) {
      raise<FileError>("torch checkpoint", text("a tensor ", detail::quoted_name(name), " in '", path_, "'"),
                       text(entries().size(), " tensors of other names"));
    }
    return entries()[found->second];
  }

  /// The bytes of a tensor's elements, row-major, whatever its strides. Throws ValueError unless `out` has `entry.bytes`
  /// bytes, FileError when the file is damaged there.
  void read_bytes(const TorchEntry& entry, std::span<std::uint8_t> out) const {
    if (out.size() != entry.bytes) {
      raise<ValueError>("torch checkpoint",
                        text("room for the ", entry.bytes, " bytes of tensor ", detail::describe(entry)),
                        text(out.size()));
    }
    if (entry.bytes == 0) return;
    const TorchStorage& storage = container_->tensors().storages[entry.storage];
    const std::uint64_t width = element_bytes(entry.type);
    try {
      if (entry.is_contiguous()) {
        container_->read(storage, entry.offset * width, out);
      } else {
        std::vector<std::uint8_t> seen(entry.extent() * width);
        container_->read(storage, entry.offset * width, seen);
        gather(entry, width, seen, out);
      }
    } catch (const FileError& error) {
      raise<FileError>("torch checkpoint",
                       text("the elements of tensor ", detail::describe(entry), " in '", path_, "'"),
                       error.what());
    }
  }

  /// Reads a tensor's elements as T; the same conversions and errors as SafetensorsFile::read().
  template <SafetensorsElement T>
  void read(const TorchEntry& entry, std::span<T> out) const {
    detail::check_readable<T>("torch checkpoint", path_, entry, out.size());
    if (entry.type == safetensors_type_of<T>) {
      read_bytes(entry, std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()));
      return;
    }
    std::vector<std::uint8_t> bytes(entry.bytes);
    read_bytes(entry, bytes);
    detail::convert_or_throw("torch checkpoint", path_, entry, bytes.data(), out);
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
    return Tensor<T, Device>::from_host(entry(name).shape, read<T>(name));
  }

 private:
  /// Brings elements that strides skip through into row-major order.
  static void gather(const TorchEntry& entry, std::uint64_t width, std::span<const std::uint8_t> seen,
                     std::span<std::uint8_t> out) {
    const int rank = entry.shape.rank();
    std::vector<std::int64_t> at(static_cast<std::size_t>(rank));
    std::uint64_t from = 0;
    for (std::uint64_t to = 0; to < out.size(); to += width) {
      std::copy_n(seen.data() + from * width, width, out.data() + to);
      for (int axis = rank - 1; axis >= 0; --axis) {
        const auto i = static_cast<std::size_t>(axis);
        from += entry.strides[i];
        if (++at[i] < entry.shape[axis]) break;
        from -= entry.strides[i] * static_cast<std::uint64_t>(at[i]);
        at[i] = 0;
      }
    }
  }

  std::string path_;
  std::unique_ptr<detail::TorchContainer> container_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace pixnerd
