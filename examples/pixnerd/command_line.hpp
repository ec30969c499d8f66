// SPDX-License-Identifier: MIT
/// \file
/// From the command line to a command.
#pragma once

#include <optional>

#include "commands.hpp"

namespace pixnerd::program {

/// What the arguments ask for. Nothing, with `exit_code` set, when they asked for help or the version, which
/// was then printed, or made no sense, which one sentence on stderr then says.
std::optional<Command> parse_command_line(int count, const char* const* arguments, int& exit_code);

}  // namespace pixnerd::program
