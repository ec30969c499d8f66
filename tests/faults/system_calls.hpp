// SPDX-License-Identifier: MIT
/// \file
/// System calls that fail when a test wants them to. Defines open, write, fsync, close, rename, mkdir,
/// ftruncate, pread and stat for its program, the C++ library's own calls included: include it in one file of
/// a program.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "fault.hpp"

namespace pixnerd::test {

/// The function of the C library that a definition here hides.
template <class Function>
Function* hidden(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// Fails where the fault says so, and otherwise does `call()`.
template <class Do>
auto meet_or(Call kind, Do call) -> decltype(call()) {
  if (const int error = Faults::instance().meet(kind); error > 0) {
    errno = error;
    return -1;
  }
  return call();
}

}  // namespace pixnerd::test

extern "C" {

int open(const char* path, int flags, ...) {
  static const auto real = pixnerd::test::hidden<int(const char*, int, ...)>("open");
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return pixnerd::test::meet_or(pixnerd::test::open_call, [&] { return real(path, flags, mode); });
}

ssize_t write(int file, const void* bytes, size_t count) {
  static const auto real = pixnerd::test::hidden<ssize_t(int, const void*, size_t)>("write");
  const int fault = pixnerd::test::Faults::instance().meet(pixnerd::test::write_call);
  if (fault > 0) {
    errno = fault;
    return -1;
  }
  return real(file, bytes, fault < 0 ? (count + 1) / 2 : count);
}

int fsync(int file) {
  static const auto real = pixnerd::test::hidden<int(int)>("fsync");
  return pixnerd::test::meet_or(pixnerd::test::sync_call, [&] { return real(file); });
}

int close(int file) {
  static const auto real = pixnerd::test::hidden<int(int)>("close");
  const int result = real(file);  // the file is closed whatever is reported
  return pixnerd::test::meet_or(pixnerd::test::close_call, [&] { return result; });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = pixnerd::test::hidden<int(const char*, const char*)>("rename");
  return pixnerd::test::meet_or(pixnerd::test::rename_call, [&] { return real(from, to); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = pixnerd::test::hidden<int(const char*, mode_t)>("mkdir");
  return pixnerd::test::meet_or(pixnerd::test::folder_call, [&] { return real(path, mode); });
}

int ftruncate(int file, off_t size) noexcept {
  static const auto real = pixnerd::test::hidden<int(int, off_t)>("ftruncate");
  return pixnerd::test::meet_or(pixnerd::test::cut_call, [&] { return real(file, size); });
}

ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  static const auto real = pixnerd::test::hidden<ssize_t(int, void*, size_t, off_t)>("pread");
  return pixnerd::test::meet_or(pixnerd::test::read_call, [&] { return real(file, bytes, count, offset); });
}

int stat(const char* path, struct stat* status) noexcept {
  static const auto real = pixnerd::test::hidden<int(const char*, struct stat*)>("stat");
  return pixnerd::test::meet_or(pixnerd::test::status_call, [&] { return real(path, status); });
}

}  // extern "C"
