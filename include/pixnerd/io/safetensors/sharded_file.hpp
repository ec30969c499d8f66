// SPDX-License-Identifier: MIT
/// \file
/// Reads tensors split over several safetensors files, listed by an index such as
/// "model.safetensors.index.json".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/json_file.hpp>
#include <pixnerd/io/safetensors/file.hpp>

namespace pixnerd {

/// The index is {"weight_map": {"name": "file", …}, …}; the files are in its folder. Tensors that the index
/// does not name are ignored.
class ShardedSafetensors : public TensorFile {
 public:
  /// Throws FileError when the index or one of its files is missing or damaged, or a file lacks a tensor that
  /// it should have.
  explicit ShardedSafetensors(const std::string& index)
      : TensorFile("sharded safetensors", index, /*piece_bytes=*/1 << 18) {
    const auto root = read_json_file(index, "sharded safetensors", {.bytes = most_index_bytes});
    if (!root.is_object() || !root.contains("weight_map") || !root["weight_map"].is_object()) {
      refuse("an object \"weight_map\"", "none");
    }
    const auto& map = root["weight_map"];
    std::map<std::string, std::size_t, std::less<>> shards;
    for (const auto& [name, value] : map.items()) {
      const std::string file = file_name(name, value);
      const auto [shard, is_new] = shards.emplace(file, shards_.size());
      if (is_new) {
        if (shards_.size() == most_shards) refuse(str_cat("at most ", most_shards, " files"), "more");
        shards_.emplace_back(detail::parent_folder(index) + "/" + file);
      }
      add(name, shard->second);
    }
    header_.index_names();
  }

  std::size_t shards() const { return shards_.size(); }

 protected:
  void read_part(const TensorEntry& entry, std::uint64_t begin, std::span<std::uint8_t> out) const override {
    const auto* found = header_.find(entry.name);
    if (found == nullptr) refuse("an entry of this file", detail::quoted_name(entry.name));
    const auto& file = shards_[shard_of_[static_cast<std::size_t>(found - entries().data())]];
    file.read_part(file.entry(entry.name), begin, out);
  }

 private:
  struct Shard : SafetensorsFile {
    using SafetensorsFile::read_part;
    using SafetensorsFile::SafetensorsFile;
  };

  static constexpr std::uint64_t most_index_bytes = 64 << 20;
  static constexpr std::size_t most_shards = 1000;

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>("sharded safetensors", str_cat(expected, " in '", path(), "'"), got);
  }

  std::string file_name(const std::string& tensor, const nlohmann::json& value) const {
    const auto expected = [&] {
      return str_cat("the name of a file beside it for ", detail::quoted_name(tensor));
    };
    if (!value.is_string()) refuse(expected(), str_cat("a value of type ", value.type_name()));
    const auto& name = value.get_ref<const std::string&>();
    // A name must not lead out of the folder; to the system, it ends at a byte of value 0.
    if (name.empty() || name.size() > 255 || name.find_first_of(std::string_view("/\0", 2)) != name.npos ||
        name == "." || name == "..") {
      refuse(expected(), detail::quoted_name(name));
    }
    return name;
  }

  void add(const std::string& name, std::size_t shard) {
    const auto& file = shards_[shard];
    if (!file.contains(name)) {
      refuse(str_cat("tensors that its files have, ", detail::quoted_name(name), " in '", file.path(),
                     "' among them"),
             "none of that name there");
    }
    header_.entries.push_back(file.entry(name));
    shard_of_.push_back(shard);
  }

  std::vector<Shard> shards_;
  std::vector<std::size_t> shard_of_;  ///< by entry
};

}  // namespace pixnerd
