// SPDX-License-Identifier: MIT
/// \file
/// Runs a compiler and fails if it takes more time or memory than allowed: `limit TIMES MEGABYTES REFERENCE
/// COMPILER OPTIONS... FILE`. The time is the processor's, in multiples of that for the file REFERENCE, so
/// that the limit is the same on slow machines and busy ones. The best of up to three runs counts.

#include <cstdio>
#include <cstdlib>
#include <optional>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Cost {
  double seconds, megabytes;
};

/// What a command took; nothing when it could not be run or failed.
std::optional<Cost> cost_of(char** command) {
  const pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    std::perror(command[0]);
    _exit(127);
  }
  int status = 0;
  rusage used{};
  if (child < 0 || wait4(child, &status, 0, &used) != child) {
    std::perror("limit");
    return std::nullopt;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "limit: the compiler failed\n");
    return std::nullopt;
  }
  const auto seconds = [](timeval t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return Cost{seconds(used.ru_utime) + seconds(used.ru_stime), double(used.ru_maxrss) / 1024};
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) {
    std::fprintf(stderr, "usage: limit TIMES MEGABYTES REFERENCE COMPILER OPTIONS... FILE\n");
    return 2;
  }
  const double times_allowed = std::atof(arguments[1]);
  const double megabytes_allowed = std::atof(arguments[2]);
  char* const reference = arguments[3];
  char** const command = arguments + 4;
  char* const file = arguments[count - 1];
  for (int run = 1; run <= 3; ++run) {
    arguments[count - 1] = reference;
    const auto yardstick = cost_of(command);
    arguments[count - 1] = file;
    const auto cost = cost_of(command);
    if (!yardstick || !cost) return 1;
    const double times = cost->seconds / yardstick->seconds;
    std::printf("run %d: %.2f s, %.2f times of the reference's %.2f s, of %g allowed; %.0f MB of %.0f\n", run,
                cost->seconds, times, yardstick->seconds, times_allowed, cost->megabytes, megabytes_allowed);
    if (times <= times_allowed && cost->megabytes <= megabytes_allowed) return 0;
  }
  std::fprintf(stderr, "limit: expected at most %s times the reference and %s MB\n", arguments[1],
               arguments[2]);
  return 1;
}
