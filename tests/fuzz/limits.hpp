// SPDX-License-Identifier: MIT
/// \file
/// What one input of a fuzz target may cost: 64 MB of memory beyond its size, a second of the processor.
/// Beyond that, the program stops with SIGABRT, as it does for a sanitizer's finding.
#pragma once

#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

// Of the sanitizers' run-time library; g++ comes without the header.
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                              void (*free_hook)(const volatile void*));
std::size_t __sanitizer_get_allocated_size(const volatile void* memory);
void __sanitizer_set_death_callback(void (*callback)());
}

namespace pixnerd::fuzz {

/// Reports what an input did that none may do, and stops.
[[noreturn]] inline void finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

namespace detail {

struct Account {
  std::atomic<std::ptrdiff_t> live = 0;  ///< bytes allocated now, but for those from before the first input
  std::atomic<std::ptrdiff_t> most = 0;  ///< what `live` may reach
  std::atomic<bool> running = false;     ///< whether the limits hold
  std::atomic<int> ticks = 0;            ///< of the processor's clock since the input began
};
inline Account account;

inline constexpr int ticks_a_second = 5;

// A hook must not allocate: write() and abort() do not.
template <std::size_t size>
[[noreturn]] void stop(const char (&words)[size]) {
  account.running = false;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, words, size - 1);
  std::abort();
}

inline void allocated(const volatile void*, std::size_t bytes) {
  const std::ptrdiff_t now = account.live += static_cast<std::ptrdiff_t>(bytes);
  if (account.running && now > account.most)
    stop("finding: more than 64 MB of memory beyond the size of the input\n");
}

inline void freed(const volatile void* memory) {
  if (memory == nullptr) return;
  account.live -= static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(memory));
}

inline void tick(int) {
  if (account.running && ++account.ticks > ticks_a_second) {
    stop("finding: more than a second for one input\n");
  }
}

inline bool start_watching() {
  __sanitizer_install_malloc_and_free_hooks(allocated, freed);
  struct sigaction action {};
  action.sa_handler = tick;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGPROF, &action, nullptr);
  const timeval interval{0, 1'000'000 / ticks_a_second};
  const itimerval timer{interval, interval};
  ::setitimer(ITIMER_PROF, &timer, nullptr);
  return true;
}

}  // namespace detail

/// While it lives, the limits hold.
class Limits {
 public:
  explicit Limits(std::size_t input_bytes) {
    [[maybe_unused]] static const bool watching = detail::start_watching();
    detail::account.ticks = 0;
    detail::account.most = detail::account.live + static_cast<std::ptrdiff_t>(input_bytes) + (64 << 20);
    detail::account.running = true;
  }
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;
  ~Limits() { detail::account.running = false; }
};

}  // namespace pixnerd::fuzz
