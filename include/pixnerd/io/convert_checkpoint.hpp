/// \file
/// From PyTorch's checkpoints to safetensors files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/io/safetensors_writer.hpp>
#include <pixnerd/io/torch_checkpoint.hpp>

namespace pixnerd {

/// What convert_checkpoint() wrote.
struct ConvertedCheckpoint {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;  ///< of their elements
};

/// Writes the tensors of a checkpoint whose names begin with `prefix` to a safetensors file, under the rest of their names;
/// all of them under their own names where the prefix is empty. Their types stay. Takes memory for one tensor at a time.
/// progress(share) is called after each; false stops, and nothing is left behind.
///
/// Throws FileError when the checkpoint cannot be read (see TorchCheckpoint), holds no such tensor, or the file cannot be
/// written: it appears complete or not at all.
inline ConvertedCheckpoint convert_checkpoint(const TorchCheckpoint& from, const std::string& to,
                                              const std::string& prefix = "",
                                              const std::function<bool(double share)>& progress = {}) {
  std::vector<SafetensorsEntry> entries;
  for (const auto& entry : from.entries()) {
    if (entry.name.starts_with(prefix) && entry.name.size() > prefix.size()) {
      entries.push_back({entry.name.substr(prefix.size()), entry.type, entry.shape});
    }
  }
  if (entries.empty()) {
    raise<FileError>(
        "convert",
        text("tensors whose names begin with ", detail::quoted_name(prefix), " in '", from.path(), "'"),
        text(from.entries().size(), " of other names"));
  }
  SafetensorsWriter writer(to, std::move(entries),
                           {{"source", from.path().substr(from.path().rfind('/') + 1)}});
  std::uint64_t all = 0;
  for (const auto& entry : writer.entries()) all += entry.bytes;
  ConvertedCheckpoint done;
  std::vector<std::uint8_t> bytes;
  for (const auto& entry : writer.entries()) {
    bytes.resize(entry.bytes);
    from.read_bytes(from.entry(prefix + entry.name), bytes);
    writer.write(entry.name, bytes);
    ++done.tensors;
    done.bytes += entry.bytes;
    if (progress && !progress(all == 0 ? 1.0 : static_cast<double>(done.bytes) / static_cast<double>(all)))
      return done;
  }
  writer.commit();
  return done;
}

}  // namespace pixnerd
