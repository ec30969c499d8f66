/// \file
/// Runs a command and fails if it takes more processor time or memory than allowed: `limit SECONDS MEGABYTES
/// COMMAND...`. Another busy program can slow a run down and never speed it up, so the best of up to three
/// runs counts.

#include <cstdio>
#include <cstdlib>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count < 4) {
    std::fprintf(stderr, "usage: limit SECONDS MEGABYTES COMMAND...\n");
    return 2;
  }
  const double seconds_allowed = std::atof(arguments[1]);
  const double megabytes_allowed = std::atof(arguments[2]);
  for (int run = 1; run <= 3; ++run) {
    const pid_t child = fork();
    if (child == 0) {
      execvp(arguments[3], arguments + 3);
      std::perror(arguments[3]);
      _exit(127);
    }
    int status = 0;
    rusage used{};
    if (child < 0 || wait4(child, &status, 0, &used) != child) {
      std::perror("limit");
      return 2;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      std::fprintf(stderr, "limit: the command failed\n");
      return 1;
    }
    const auto to_seconds = [](timeval t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
    const double seconds = to_seconds(used.ru_utime) + to_seconds(used.ru_stime);
    const double megabytes = double(used.ru_maxrss) / 1024;
    std::printf("run %d: %.2f s of %g, %.0f MB of %.0f\n", run, seconds, seconds_allowed, megabytes,
                megabytes_allowed);
    if (seconds <= seconds_allowed && megabytes <= megabytes_allowed) return 0;
  }
  std::fprintf(stderr, "limit: expected at most %s s and %s MB\n", arguments[1], arguments[2]);
  return 1;
}
