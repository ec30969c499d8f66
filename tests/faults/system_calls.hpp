/// \file
/// System calls that fail when a test wants them to. Defines open, write, fsync, close, rename, mkdir and ftruncate for its
/// program, the C++ library's own calls included: include it in one file of a program.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

namespace pixnerd::test {

enum Call : unsigned {
  open_call = 1,
  write_call = 2,
  sync_call = 4,
  close_call = 8,
  rename_call = 16,
  folder_call = 32,
  cut_call = 64
};
inline constexpr unsigned every_call = 127;

/// What happens at one call.
struct Fault {
  std::string name;
  unsigned calls = every_call;     ///< the calls that are counted
  int error = 0;                   ///< errno of the call that fails
  bool lasting = false;            ///< all counted calls after it fail as well
  bool half = false;               ///< the call is a write that takes half of the bytes
  std::function<void()> action{};  ///< done before the call, which then goes on
};

/// The fault that the calls of this program look for.
class Faults {
 public:
  static Faults& instance() {
    static Faults faults;
    return faults;
  }

  /// From now on the call number `number`, from 0, of those that the fault is about meets it.
  void arm(const Fault& fault, int number) {
    fault_ = &fault;
    left_ = number;
    hit_ = false;
  }
  /// Whether the fault was met since arm().
  bool disarm() {
    fault_ = nullptr;
    return hit_;
  }

  /// What a call does: 0 to go on, an errno to fail with, -1 to take half.
  int meet(Call call) {
    if (fault_ == nullptr || (fault_->calls & call) == 0) return 0;
    if (left_ > 0) {
      --left_;
      return 0;
    }
    if (hit_ && !fault_->lasting) return 0;
    const bool first = !std::exchange(hit_, true);
    if (fault_->action) {
      std::exchange(fault_, nullptr)->action();
      return 0;
    }
    return fault_->half && first ? -1 : fault_->error;
  }

 private:
  const Fault* fault_ = nullptr;
  int left_ = 0;
  bool hit_ = false;
};

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

}  // extern "C"
