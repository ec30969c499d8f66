// SPDX-License-Identifier: MIT
/// \file
/// The two containers of torch checkpoints: a zip file, or, before torch 1.6, pickles and storages in
/// sequence.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/torch/tensors.hpp>
#include <pixnerd/io/zip_file.hpp>

namespace pixnerd::detail {

/// The pickle of a checkpoint is kept in memory, its storages are read in parts.
class TorchContainer {
 public:
  virtual ~TorchContainer() = default;

  /// The tensors that the pickle describes.
  const TorchTensors& tensors() const { return tensors_; }

  /// Fills `out` with the bytes of a storage from `begin` on; the storage must have as many. Throws FileError
  /// when the file is damaged there.
  virtual void read(const TorchStorage& storage, std::uint64_t begin, std::span<std::uint8_t> out) const = 0;

 protected:
  static constexpr std::uint64_t most_pickle = 32 << 20;  // bytes

  [[noreturn]] static void refuse(const std::string& path, std::string_view expected, std::string_view got) {
    raise<FileError>("torch checkpoint", str_cat(expected, " in '", path, "'"), got);
  }

  /// Tensors may share bytes; a small file with many such tensors must not keep its reader busy for hours.
  /// is_packed(storage): whether the whole storage is read for each tensor.
  template <class IsPacked>
  void limit_reading(std::uint64_t file_bytes, const std::string& path, IsPacked is_packed) const {
    const std::uint64_t most = 64 * file_bytes + (std::uint64_t{64} << 20);
    std::uint64_t sum = 0;
    for (const auto& entry : tensors_.entries) {
      const TorchStorage& storage = tensors_.storages[entry.storage];
      const std::uint64_t extent = entry.extent() * element_bytes(entry.type);
      sum += std::max(entry.bytes, is_packed(storage) ? storage.bytes() : extent);
      if (sum > most) {
        refuse(path, str_cat("tensors of at most ", most, " bytes in a file of ", file_bytes),
               "more, in shared storages");
      }
    }
  }

  TorchTensors tensors_;
};

/// The format since version 1.6: a zip file with `NAME/data.pkl`, and `NAME/data/KEY` for each storage.
class TorchZip : public TorchContainer {
 public:
  explicit TorchZip(const std::string& path) : zip_(path, "torch checkpoint", most_unpacked) {
    constexpr std::string_view pickle_name = "/data.pkl";
    for (const auto& [name, index] : zip_.entries()) {
      if (!name.ends_with(pickle_name)) continue;
      if (!root_.empty()) refuse(path, "one data.pkl", "two");
      root_ = name.substr(0, name.size() - pickle_name.size());
    }
    if (root_.empty())
      refuse(path, "what torch.save wrote, with a folder that holds data.pkl", "another zip file");
    if (zip_.contains(root_ + "/byteorder")) {
      if (zip_.size(root_ + "/byteorder") != 6 || read_all(root_ + "/byteorder") != "little") {
        refuse(path, "little-endian numbers", "others");
      }
    }
    const std::uint64_t size = zip_.size(root_ + std::string(pickle_name));
    if (size > most_pickle)
      refuse(path, str_cat("a data.pkl of at most ", most_pickle, " bytes"), str_cat(size));
    const std::string bytes = read_all(root_ + std::string(pickle_name));
    {
      const Pickle pickle(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()),
                          torch_names, path);
      if (pickle.size() != bytes.size()) {
        refuse(path, "one pickle in data.pkl", str_cat(bytes.size() - pickle.size(), " bytes behind it"));
      }
      tensors_ = TorchTensorReader(pickle, path).take();
    }
    for (const auto& storage : tensors_.storages) {
      const std::uint64_t there = zip_.size(entry_of(storage));
      if (there != storage.bytes()) {
        refuse(path, str_cat("the ", storage.bytes(), " bytes of storage ", quoted_name(storage.key)),
               str_cat(there));
      }
    }
    limit_reading(InputFile(path).size(), path,
                  [&](const TorchStorage& storage) { return zip_.is_packed(entry_of(storage)); });
  }

  void read(const TorchStorage& storage, std::uint64_t begin, std::span<std::uint8_t> out) const override {
    zip_.read(entry_of(storage), begin, out);
  }

 private:
  /// torch.save compresses nothing; checkpoints that other programs compressed are accepted if they are
  /// small.
  static constexpr std::uint64_t most_unpacked = 4 << 20;

  std::string entry_of(const TorchStorage& storage) const { return str_cat(root_, "/data/", storage.key); }

  std::string read_all(const std::string& name) const {
    std::string out(zip_.size(name), '\0');
    zip_.read(name, 0, std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size()));
    return out;
  }

  ZipFile zip_;
  std::string root_;
};

/// Five pickles (a magic number, a version, facts about the machine, the object, the keys of the storages),
/// then for each key the number of elements in 8 bytes and the elements.
class TorchLegacy : public TorchContainer {
 public:
  explicit TorchLegacy(const std::string& path) : file_(path) {
    std::vector<std::uint8_t> head(std::min<std::uint64_t>(file_.size(), most_pickle));
    file_.read_at(0, head);
    std::uint64_t at = 0;
    const auto next = [&] {
      Pickle pickle(std::span<const std::uint8_t>(head).subspan(at), torch_names, path);
      at += pickle.size();
      return pickle;
    };
    {
      const Pickle magic = next();
      if (magic.root().kind != PickleKind::big_integer || magic.root().string != magic_number) {
        refuse(path, "what torch.save wrote", "another file");
      }
    }
    {
      const Pickle version = next();
      if (version.root().kind != PickleKind::integer || version.root().number != 1001)
        refuse(path, "version 1001 of the format before 1.6", "another");
    }
    {
      const Pickle system = next();
      const PickleValue* little = system.find(system.root(), "little_endian");
      if (little == nullptr || little->kind != PickleKind::boolean || little->number != 1)
        refuse(path, "little-endian numbers", "others");
    }
    {
      const Pickle object = next();
      tensors_ = TorchTensorReader(object, path).take();
    }
    const Pickle keys = next();
    place_storages(keys, at, path);
    limit_reading(file_.size(), path, [](const TorchStorage&) { return false; });
  }

  void read(const TorchStorage& storage, std::uint64_t begin, std::span<std::uint8_t> out) const override {
    file_.read_at(begins_.at(storage.key) + begin, out);
  }

 private:
  static constexpr std::string_view magic_number = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

  void place_storages(const Pickle& keys, std::uint64_t at, const std::string& path) {
    std::map<std::string_view, const TorchStorage*> known;
    for (const auto& storage : tensors_.storages) known[storage.key] = &storage;
    if (keys.root().kind != PickleKind::list) refuse(path, "a list of storages", "another value");
    for (const std::uint32_t index : keys.root().items) {
      const auto found = known.find(keys[index].string);
      // The element size of a storage is known from the tensors that use it.
      if (found == known.end())
        refuse(path, "storages of the tensors alone", quoted_name(keys[index].string));
      const TorchStorage& storage = *found->second;
      if (file_.size() - at < 8)
        refuse(path, str_cat("storage ", quoted_name(storage.key)), "the end of the file");
      std::array<std::uint8_t, 8> prefix;
      file_.read_at(at, prefix);
      std::uint64_t count = 0;
      for (std::size_t i = 8; i > 0; --i) count = count << 8 | prefix[i - 1];
      at += 8;
      if (count != storage.count || storage.bytes() > file_.size() - at) {
        refuse(path, str_cat("the ", storage.count, " elements of storage ", quoted_name(storage.key)),
               count != storage.count ? str_cat(count) : str_cat("the end of the file"));
      }
      if (!begins_.emplace(storage.key, at).second) refuse(path, "one storage of each key", "two");
      at += storage.bytes();
    }
    if (begins_.size() != tensors_.storages.size()) refuse(path, "every storage of the tensors", "fewer");
    if (at != file_.size())
      refuse(path, "nothing behind the last storage", str_cat(file_.size() - at, " bytes"));
  }

  InputFile file_;
  std::map<std::string, std::uint64_t, std::less<>> begins_;
};

/// Opens either container, chosen by the first bytes of the file.
inline std::unique_ptr<TorchContainer> open_torch_container(const std::string& path) {
  const InputFile file(path);
  std::array<std::uint8_t, 2> first{};
  if (file.size() >= first.size()) file.read_at(0, first);
  if (first[0] == 'P' && first[1] == 'K') return std::make_unique<TorchZip>(path);
  if (first[0] == 0x80) return std::make_unique<TorchLegacy>(path);
  raise<FileError>("torch checkpoint", str_cat("what torch.save wrote in '", path, "'"), "another file");
}

}  // namespace pixnerd::detail
