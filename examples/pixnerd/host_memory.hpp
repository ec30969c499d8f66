// SPDX-License-Identifier: MIT
/// \file
/// How much memory this process may use.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace pixnerd::program {

/// Bytes: those of the machine, or of the process's cgroup where that is given fewer, as in a container.
inline double host_memory() {
  double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/memory.max", "r")) {
    double limit = 0;  // the file says "max" where there is none
    if (std::fscanf(file, "%lf", &limit) == 1 && limit > 0) memory = std::min(memory, limit);
    std::fclose(file);
  }
  return memory;
}

}  // namespace pixnerd::program
