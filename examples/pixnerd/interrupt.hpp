/// \file
/// Ctrl-C as a request: finish the step, save, exit.
#pragma once

#include <unistd.h>

#include <csignal>
#include <cstring>

namespace pixnerd::program {

/// While it lives, the first SIGINT or SIGTERM only sets a flag, and the second ends the process at once.
class InterruptGuard {
 public:
  InterruptGuard() {
    requested_ = 0;
    struct sigaction action {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &previous_[0]);
    sigaction(SIGTERM, &action, &previous_[1]);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard() {
    sigaction(SIGINT, &previous_[0], nullptr);
    sigaction(SIGTERM, &previous_[1], nullptr);
  }

  bool requested() const { return requested_ != 0; }

 private:
  static void handle(int signal) {
    if (requested_ != 0) _exit(128 + signal);
    requested_ = 1;
    constexpr const char* note = "\nstopping after this step; once more stops at once\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, note, std::strlen(note));
  }

  static inline volatile std::sig_atomic_t requested_ = 0;
  struct sigaction previous_[2]{};
};

}  // namespace pixnerd::program
