// SPDX-License-Identifier: MIT
/// \file
/// Reads whole files into owned memory, and writes files atomically.
///
/// Files are read by `pread`, never mapped: a mapped file that shrinks kills the process, a short read is an
/// exception. A written file appears under its name only when all of it is on the disk: bytes go to a
/// temporary name in the same folder, are fsynced, and the temporary is renamed over the target. Whatever
/// fails, the temporary is removed and an older file of that name stays as it was. What a killed process
/// leaves is removed when the same file is written again.
#pragma once

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/io/file_descriptor.hpp>

namespace pixnerd {

/// A regular file opened for reading. Threads may share one: `read_at` has no position.
class InputFile {
 public:
  /// Throws FileError when `path` is missing, unreadable, or not a regular file.
  explicit InputFile(const std::string& path) : path_(path) {
    // O_NONBLOCK: opening a pipe must not wait for its other end; it means nothing for regular files.
    descriptor_ = detail::open_file(path, O_RDONLY | O_NONBLOCK);
    const int open_error = descriptor_.get() < 0 ? errno : 0;
    if (open_error != 0) {
      raise<FileError>("read file", str_cat("a readable file '", path, "'"), errno_text(open_error));
    }
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) {
      const int number = errno;
      raise<FileError>("read file", str_cat("a readable file '", path, "'"), errno_text(number));
    }
    if (S_ISDIR(status.st_mode)) raise<FileError>("read file", str_cat("a file '", path, "'"), "a folder");
    if (!S_ISREG(status.st_mode)) {
      raise<FileError>("read file", str_cat("a regular file '", path, "'"), "a device, pipe or socket");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  const std::string& path() const { return path_; }

  /// Bytes in the file when it was opened.
  std::uint64_t size() const { return size_; }

  /// The descriptor, which stays this object's.
  int descriptor() const { return descriptor_.get(); }

  /// Fills `out` with the bytes from `offset` on. Throws FileError when the file ends before or the disk
  /// fails.
  void read_at(std::uint64_t offset, std::span<std::uint8_t> out) const {
    std::uint64_t done = 0;
    while (done < out.size()) {
      const auto got =
          ::pread(descriptor_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        const std::string reason =
            got < 0 ? errno_text(errno) : str_cat("its end after ", offset + done, " bytes");
        raise<FileError>("read file", str_cat(out.size(), " bytes from offset ", offset, " of '", path_, "'"),
                         reason);
      }
      done += static_cast<std::uint64_t>(got);
    }
  }

 private:
  std::string path_;
  detail::FileDescriptor descriptor_;
  std::uint64_t size_ = 0;
};

/// All bytes of a file of at most `limit` bytes.
/// Throws FileError when it is missing, unreadable, not a regular file, or larger.
inline std::vector<std::uint8_t> read_file(const std::string& path, std::uint64_t limit) {
  const InputFile file(path);
  if (file.size() > limit) {
    raise<FileError>("read file", str_cat("at most ", limit, " bytes in '", path, "'"), str_cat(file.size()));
  }
  std::vector<std::uint8_t> bytes(file.size());
  file.read_at(0, bytes);
  return bytes;
}

namespace detail {

/// Why a path has no readable file, in a few words; empty when it has one. Throws FileError when this cannot
/// be determined.
inline std::string absence_of_file(const std::string& path) {
  struct stat status {};
  const int number = ::stat(path.c_str(), &status) == 0 ? 0 : errno;
  const bool is_missing = number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG;
  if (number != 0 && !is_missing)
    raise<FileError>("read file", str_cat("a readable file '", path, "'"), errno_text(number));
  if (number == 0 && S_ISREG(status.st_mode)) return "";
  return str_cat("'", path, "': ", is_missing ? errno_text(number) : "a folder or device, not a file");
}

/// Whether `path` names the opened file.
inline bool is_file_at(const FileDescriptor& file, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file.get(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// Locks a temporary that was just created. False when another process took it for abandoned.
inline bool lock_temporary(const FileDescriptor& file, const std::string& path) {
  // A file system without locks: nobody else will get one either.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  return is_file_at(file, path);
}

/// Removes a temporary whose writer is gone: with it went its lock. False when it has to stay.
inline bool remove_abandoned(const std::string& path) {
  const FileDescriptor file = open_file(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (file.get() < 0) return errno == ENOENT;
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  return !is_file_at(file, path) || ::unlink(path.c_str()) == 0;
}

}  // namespace detail

/// A file that appears under its name, complete and on the disk, when `commit` is called, and not at all
/// otherwise.
class AtomicFile {
 public:
  /// Starts writing `path`, replacing a regular file of that name. `expected_bytes`, the final size where it
  /// is known, only serves the message of a full disk. Throws FileError when the folder is missing or not
  /// writable, or when `path` is a folder or a device.
  explicit AtomicFile(const std::string& path, std::uint64_t expected_bytes = 0)
      : path_(path), folder_(detail::parent_folder(path)), expected_bytes_(expected_bytes) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
      raise<FileError>("write file", str_cat("a regular file '", path, "'"),
                       S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
    }
    if (const int number = create(); number != 0) {
      const std::string what = expected_bytes > 0 ? str_cat("the ", expected_bytes, " bytes of ") : "";
      raise<FileError>("write file", str_cat("a writable place for ", what, "'", path, "'"),
                       errno_text(number) + detail::available_text(folder_));
    }
  }

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  const std::string& path() const { return path_; }

  /// Appends bytes. Throws FileError, naming the bytes needed and those available, when the disk is full or
  /// fails; the file is then gone.
  void write(std::span<const std::uint8_t> bytes) {
    const std::uint64_t needed = written_ + bytes.size();
    std::size_t done = 0;
    while (done < bytes.size()) {
      const auto put = ::write(descriptor_.get(), bytes.data() + done, bytes.size() - done);
      if (put < 0 && errno == EINTR) continue;
      // write() of a positive count returns 0 on no known system; treating it as a full disk ends the loop.
      if (put <= 0) fail(put < 0 ? errno : ENOSPC, needed);
      done += static_cast<std::size_t>(put);
      written_ += static_cast<std::uint64_t>(put);
    }
  }

  /// Makes the file durable and gives it its name. Throws FileError, naming the bytes needed and those
  /// available; the file is then gone.
  void commit() {
    if (const int number = detail::sync_file(descriptor_); number != 0) fail(number, written_);
    if (const int number = descriptor_.close(); number != 0) fail(number, written_);
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno, written_);
    exists_ = false;
    lock_.close();
    detail::sync_folder(folder_);
  }

 private:
  /// Creates the temporary; returns 0 or an errno. Its name is the same each time, so that what a killed
  /// process left is found and removed; a name that somebody writes to at this moment is passed over.
  int create() {
    constexpr int most = 100;
    for (int i = 0; i < most; ++i) {
      temporary_ = str_cat(path_, ".tmp-", i);
      constexpr int flags = O_WRONLY | O_CREAT | O_EXCL;
      descriptor_ = detail::open_file(temporary_, flags);
      int number = descriptor_.get() < 0 ? errno : 0;
      if (number == EEXIST && detail::remove_abandoned(temporary_)) {
        descriptor_ = detail::open_file(temporary_, flags);
        number = descriptor_.get() < 0 ? errno : 0;
      }
      if (number == EEXIST) continue;
      if (number != 0) return number;
      if (!detail::lock_temporary(descriptor_, temporary_)) {
        descriptor_.close();
        continue;
      }
      exists_ = true;
      // Keeps the lock until the file has its name: it is closed before that, which may show that writes
      // failed.
      lock_ = detail::FileDescriptor(::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0));
      if (lock_.get() >= 0) return 0;
      number = errno;
      discard();
      return number;
    }
    return EEXIST;
  }

  [[noreturn]] void fail(int number, std::uint64_t needed) {
    discard();
    if (expected_bytes_ > needed) needed = expected_bytes_;
    raise<FileError>("write file", str_cat("room for the ", needed, " bytes of '", path_, "'"),
                     errno_text(number) + detail::available_text(folder_));
  }

  void discard() {
    descriptor_.close();
    if (std::exchange(exists_, false)) ::unlink(temporary_.c_str());
    lock_.close();
  }

  std::string path_, folder_, temporary_;
  detail::FileDescriptor descriptor_, lock_;
  std::uint64_t expected_bytes_;
  std::uint64_t written_ = 0;
  bool exists_ = false;
};

/// Writes a whole file atomically; see AtomicFile.
inline void write_file_atomic(const std::string& path, std::span<const std::uint8_t> bytes) {
  AtomicFile file(path, bytes.size());
  file.write(bytes);
  file.commit();
}

/// The same for text.
inline void write_file_atomic(const std::string& path, std::string_view characters) {
  write_file_atomic(path,
                    std::span(reinterpret_cast<const std::uint8_t*>(characters.data()), characters.size()));
}

}  // namespace pixnerd
