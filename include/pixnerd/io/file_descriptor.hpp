// SPDX-License-Identifier: MIT
/// \file
/// An owning file descriptor, and the system calls of file access.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// The operating system's words for an error number, "No such file or directory" for ENOENT.
inline std::string errno_text(int number) {
  return std::generic_category().message(number);
}

namespace detail {

/// Owns a file descriptor; -1 is none.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() { close(); }

  int get() const { return number_; }

  /// Returns 0, or the errno of a close that failed: network file systems report lost writes only here.
  int close() {
    const int number = std::exchange(number_, -1);
    // Linux has closed the file when a signal interrupts this.
    return number < 0 || ::close(number) == 0 || errno == EINTR ? 0 : errno;
  }

 private:
  int number_;
};

inline std::string parent_folder(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// open(), retried when a signal interrupts it.
inline FileDescriptor open_file(const std::string& path, int flags) {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (number < 0 && errno == EINTR);
  return FileDescriptor(number);
}

/// fsync() that signals do not interrupt: 0, or its errno.
inline int sync_file(const FileDescriptor& file) {
  int result = 0;
  do {
    result = ::fsync(file.get());
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

/// Makes creations, renames and removals in a folder durable. File systems that cannot do this are not an
/// error.
inline void sync_folder(const std::string& path) {
  const FileDescriptor folder = open_file(path, O_RDONLY | O_DIRECTORY);
  if (folder.get() >= 0) (void)sync_file(folder);
}

/// "; 4096 bytes are available there", of the disk that a file or folder lies on; empty when it cannot be
/// told.
inline std::string available_text(const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) return "";
  return str_cat("; ", std::uint64_t{disk.f_bavail} * disk.f_frsize, " bytes are available there");
}

/// The names in a folder; `number` becomes 0, or an errno. (The C++ library's directory_iterator ends the
/// program where it gets no memory.)
inline std::vector<std::string> folder_names(const std::string& path, int& number) {
  std::vector<std::string> names;
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> folder(::opendir(path.c_str()));
  errno = folder ? 0 : errno;
  while (folder) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  number = errno;
  return names;
}

/// Removes a file, or a folder with all that it holds: 0, or the errno of what stays. What is not there is
/// removed.
inline int remove_tree(const std::string& path) {
  if (std::remove(path.c_str()) == 0 || errno == ENOENT) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST) return errno;
  int number = 0;
  for (const auto& name : folder_names(path, number)) {
    if (const int failed = remove_tree(path + "/" + name); failed != 0) return failed;
  }
  if (number != 0) return number;
  return std::remove(path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace detail
}  // namespace pixnerd
