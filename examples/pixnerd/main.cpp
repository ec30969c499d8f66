// SPDX-License-Identifier: MIT
/// \file
/// The program pixnerd: trains image generators told by classes or texts, draws with them, checks the
/// library.
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include <pixnerd/core/device.hpp>
#include <pixnerd/core/thread_pool.hpp>

#include "command_line.hpp"
#include "device_choice.hpp"
#include "run.hpp"

namespace {

using namespace pixnerd;

int run_command(program::Command& command) {
  const bool on_gpu = std::visit(
      [](auto& chosen) {
        if constexpr (requires { chosen.where; }) {
          if (chosen.where.threads > 0) set_thread_count(chosen.where.threads);
          program::choose_device(chosen.where);
          return chosen.where.on_gpu;
        }
        return false;
      },
      command);
  return on_gpu ? program::run<Cuda>(command) : program::run<Cpu>(command);
}

}  // namespace

int main(int count, char** arguments) {
  const auto fail = [](const std::string& message) {
    std::fprintf(stderr, "pixnerd: %s\n", message.c_str());
    return 1;
  };
  try {
    int exit_code = 0;
    auto command = program::parse_command_line(count, arguments, exit_code);
    return command ? run_command(*command) : exit_code;
  } catch (const std::bad_alloc&) {
    return fail("[memory] expected room for another tensor or image, got none");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
