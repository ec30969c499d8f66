/// \file
/// Running a command on a device. Each device has a translation unit of its own that instantiates this:
/// run_cpu.cpp, and later run_cuda.cu.
#pragma once

#include "commands.hpp"

namespace pixnerd::program {

/// Runs a command and returns the exit status of the program. Throws what the library throws.
template <class Device>
int run(const Command& command);

}  // namespace pixnerd::program
