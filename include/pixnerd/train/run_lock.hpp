// SPDX-License-Identifier: MIT
/// \file
/// The lock on a run folder: one process trains there.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// Reserves a run folder for this process as long as the object lives. The system releases the lock when the
/// process ends, however it ends. Two processes that train in one folder would remove each other's unfinished
/// checkpoints, so take the lock before reading the checkpoint that the run resumes from.
///
///     const RunLock lock(run);
///     const auto newest = newest_checkpoint(run);
class RunLock {
 public:
  /// Creates the folder where it is missing. Throws FileError when another RunLock, of any process, holds it,
  /// or the folder cannot be opened. A file system without locks gives no protection, and no error.
  explicit RunLock(const std::string& run) : run_(run) { take(); }

  /// Checks that the folder is still the locked one. A folder that was removed is created and locked again.
  /// Throws FileError when another folder has that name, or another process holds the lock. A folder that
  /// cannot be created or inspected is no error here: the next write reports it.
  void keep() {
    struct stat there {};
    struct stat locked {};
    if (::stat(run_.c_str(), &there) != 0) {
      std::error_code error;
      if (errno == ENOENT && std::filesystem::create_directories(run_, error)) take();
      return;
    }
    if (::fstat(folder_.get(), &locked) == 0 && there.st_dev == locked.st_dev &&
        there.st_ino == locked.st_ino)
      return;
    raise<FileError>("run folder", str_cat("the folder '", run_, "' in which this run began"),
                     "another one of that name");
  }

 private:
  void take() {
    std::error_code error;
    std::filesystem::create_directories(run_, error);
    if (!error) folder_ = detail::open_file(run_, O_RDONLY | O_DIRECTORY);
    const int number = error ? error.value() : folder_.get() < 0 ? errno : 0;
    if (number != 0)
      raise<FileError>("run folder", str_cat("a writable folder '", run_, "'"), errno_text(number));
    if (::flock(folder_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      raise<FileError>("run folder", str_cat("no other process that trains in '", run_, "'"), "one");
    }
  }

  std::string run_;
  detail::FileDescriptor folder_;
};

}  // namespace pixnerd
