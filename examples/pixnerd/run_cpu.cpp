// SPDX-License-Identifier: MIT
/// \file
/// The commands on the CPU.
#include <pixnerd/core/device.hpp>

#include "run.hpp"
#include "runner.hpp"

namespace pixnerd::program {

template <>
int run<Cpu>(const Command& command) {
  return std::visit(Runner<Cpu>(), command);
}

}  // namespace pixnerd::program
