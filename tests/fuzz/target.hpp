// SPDX-License-Identifier: MIT
/// \file
/// What fuzz targets share: an input as a file that lies in memory, and what reading it may end in.
///
/// A target is a file tests/fuzz/NAME.cpp with libFuzzer's entry point; its seeds are
/// tests/fuzz/corpus/NAME/*:
///
///     extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
///       static pixnerd::fuzz::MemoryFile file;
///       file.fill({data, size});
///       return pixnerd::fuzz::run(size, file.path(), [] { read_something(file.path()); });
///     }
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <pixnerd/core/error.hpp>

#include "limits.hpp"

namespace pixnerd::fuzz {

/// A file without a disk. One serves all inputs.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) finding("no memory for a file");
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  const std::string& path() const { return path_; }

  /// Makes these bytes the whole file.
  void fill(std::span<const std::uint8_t> bytes) {
    const auto size = static_cast<off_t>(bytes.size());
    if (::ftruncate(descriptor_, size) != 0 || ::pwrite(descriptor_, bytes.data(), bytes.size(), 0) != size) {
      finding("the file in memory could not be written");
    }
  }

 private:
  int descriptor_;
  std::string path_;
};

/// A folder in memory, for readers of several files. One serves all inputs.
struct MemoryFolder {
  std::string path = "/dev/shm/pixnerd-fuzz-XXXXXX";

  MemoryFolder() {
    if (::mkdtemp(path.data()) == nullptr) finding("no folder in /dev/shm");
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  ~MemoryFolder() { std::filesystem::remove_all(path); }
};

/// Makes these bytes the whole of a file that is there.
inline void overwrite(const std::string& path, std::span<const std::uint8_t> bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  const auto size = static_cast<ssize_t>(bytes.size());
  if (descriptor < 0 || ::write(descriptor, bytes.data(), bytes.size()) != size) {
    finding("'" + path + "' could not be written");
  }
  ::close(descriptor);
}

/// Runs a target's action within the limits. It may return, or throw one of the library's own exceptions
/// whose message holds `name`; whatever else it throws leaves the target and so stops the program. Returns 0,
/// what libFuzzer wants.
template <class Action>
int run(std::size_t input_bytes, std::string_view name, Action action) {
  const Limits limits(input_bytes);
  try {
    action();
  } catch (const Error& error) {
    if (std::strstr(error.what(), std::string(name).c_str()) == nullptr) {
      finding("a message that does not name '" + std::string(name) + "': " + error.what());
    }
  }
  return 0;
}

}  // namespace pixnerd::fuzz
