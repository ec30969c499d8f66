// SPDX-License-Identifier: MIT
/// \file
/// Running a command on a device. Each device has a translation unit of its own that defines this for it:
/// run_cpu.cpp and run_cuda.cu, or run_without_cuda.cpp, which refuses.
#pragma once

#include "commands.hpp"

namespace pixnerd::program {

/// Runs a command and returns the exit status of the program. Throws what the library throws.
template <class Device>
int run(const Command& command);

}  // namespace pixnerd::program
