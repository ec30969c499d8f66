// SPDX-License-Identifier: MIT
/// \file
/// What happens at a system call, and the one that happens next. system_calls.cpp defines the calls for its
/// program.
#pragma once

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
  cut_call = 64,
  read_call = 128,
  status_call = 256
};
inline constexpr unsigned every_call = 127;  ///< of those that write

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

}  // namespace pixnerd::test
