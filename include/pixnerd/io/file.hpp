/// \file
/// Reading whole files into owned memory and writing them so that nobody ever sees half of one.
///
/// Files are read by `pread`, never mapped: a mapped file that shrinks kills the process, a short read is an
/// exception. A written file appears under its name only when all of it is on the disk: bytes go to a
/// temporary name in the same folder, are fsynced, and the temporary is renamed over the target. Whatever
/// fails, the temporary is removed and an older file of that name stays as it was.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
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
    return number < 0 || ::close(number) == 0 ? 0 : errno;
  }

 private:
  int number_;
};

inline std::string parent_folder(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace detail

/// A regular file opened for reading. Threads may share one: `read_at` has no position.
class InputFile {
 public:
  /// Throws FileError when `path` is missing, unreadable, or not a regular file.
  explicit InputFile(const std::string& path) : path_(path) {
    // O_NONBLOCK: opening a pipe must not wait for its other end; it means nothing for regular files.
    descriptor_ = detail::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const int open_error = descriptor_.get() < 0 ? errno : 0;
    if (open_error != 0) {
      raise<FileError>("read file", text("a readable file '", path, "'"), errno_text(open_error));
    }
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) {
      const int number = errno;
      raise<FileError>("read file", text("a readable file '", path, "'"), errno_text(number));
    }
    if (S_ISDIR(status.st_mode)) raise<FileError>("read file", text("a file '", path, "'"), "a folder");
    if (!S_ISREG(status.st_mode)) {
      raise<FileError>("read file", text("a regular file '", path, "'"), "a device, pipe or socket");
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
            got < 0 ? errno_text(errno) : text("its end after ", offset + done, " bytes");
        raise<FileError>("read file", text(out.size(), " bytes from offset ", offset, " of '", path_, "'"),
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
    raise<FileError>("read file", text("at most ", limit, " bytes in '", path, "'"), text(file.size()));
  }
  std::vector<std::uint8_t> bytes(file.size());
  file.read_at(0, bytes);
  return bytes;
}

/// A file that appears under its name, complete and on the disk, when `commit` is called, and not at all
/// otherwise.
class AtomicFile {
 public:
  /// Starts writing `path`, replacing a regular file of that name. `expected_bytes`, the final size where it
  /// is known, only serves the message of a full disk. Throws FileError when the folder is missing or not
  /// writable, or when `path` is a folder or a device.
  explicit AtomicFile(const std::string& path, std::uint64_t expected_bytes = 0)
      : path_(path), expected_bytes_(expected_bytes) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
      raise<FileError>("write file", text("a regular file '", path, "'"),
                       S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
    }
    static std::atomic<std::uint64_t> counter{0};
    int number = EEXIST;
    for (int attempt = 0; number == EEXIST && attempt < 100; ++attempt) {
      temporary_ = text(path, ".tmp-", ::getpid(), "-", counter.fetch_add(1));
      descriptor_ =
          detail::FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      number = descriptor_.get() < 0 ? errno : 0;
    }
    if (number != 0) {
      raise<FileError>("write file", text("a writable place for '", path, "'"), errno_text(number));
    }
    exists_ = true;
  }

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  const std::string& path() const { return path_; }

  /// Appends bytes. Throws FileError when the disk is full or fails; the file is then gone.
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

  /// Makes the file durable and gives it its name. Throws FileError; the file is then gone.
  void commit() {
    if (::fsync(descriptor_.get()) != 0) fail(errno, written_);
    if (const int number = descriptor_.close(); number != 0) fail(number, written_);
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno, written_);
    exists_ = false;
    // The rename is durable once the folder is; some file systems cannot sync a folder, which is no failure.
    const detail::FileDescriptor folder(
        ::open(detail::parent_folder(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() >= 0) ::fsync(folder.get());
  }

 private:
  [[noreturn]] void fail(int number, std::uint64_t needed) {
    discard();
    if (expected_bytes_ > needed) needed = expected_bytes_;
    raise<FileError>("write file", text("room for the ", needed, " bytes of '", path_, "'"),
                     errno_text(number));
  }

  void discard() {
    descriptor_.close();
    if (std::exchange(exists_, false)) ::unlink(temporary_.c_str());
  }

  std::string path_;
  std::string temporary_;
  detail::FileDescriptor descriptor_;
  std::uint64_t expected_bytes_;
  std::uint64_t written_ = 0;
  bool exists_ = false;
};

/// Writes a whole file at once, all or nothing; see AtomicFile.
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
