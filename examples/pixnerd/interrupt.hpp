// SPDX-License-Identifier: MIT
/// \file
/// Ctrl-C as a request: finish the step, save, exit.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace pixnerd::program {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP only sets a flag, and the second ends the process at
/// once. A SIGHUP that is ignored, as under nohup, stays ignored. SIGPIPE is ignored from then on to the end
/// of the process, whose last words go there as well: that nobody reads the log any more must not end a run
/// of days.
class InterruptGuard {
 public:
  InterruptGuard() {
    requested_ = 0;
    struct sigaction action {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 3; ++i) sigaction(signals[i], &action, &previous_[i]);
    if (previous_[2].sa_handler == SIG_IGN) sigaction(SIGHUP, &previous_[2], nullptr);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard() {
    for (int i = 0; i < 3; ++i) sigaction(signals[i], &previous_[i], nullptr);
  }

  bool requested() const { return requested_ != 0; }

  /// What a shell says of a process that the signal ended; only once it was requested.
  int exit_status() const { return 128 + requested_; }

 private:
  static constexpr int signals[3] = {SIGINT, SIGTERM, SIGHUP};

  static void handle(int signal) {
    if (requested_ != 0) _exit(128 + signal);
    requested_ = signal;
    const int number = errno;  // of whatever this interrupts
    constexpr const char* note = "\nstopping after this step; once more stops at once\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, note, std::strlen(note));
    errno = number;
  }

  static inline volatile std::sig_atomic_t requested_ = 0;
  struct sigaction previous_[3]{};
};

}  // namespace pixnerd::program
