/// \file
/// The program pixnerd: trains class-conditional models on images, draws samples, checks the library.
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include <pixnerd/core/device.hpp>
#include <pixnerd/core/error.hpp>
#include <pixnerd/core/thread_pool.hpp>

#include "command_line.hpp"
#include "run.hpp"

namespace {

using namespace pixnerd;

/// Applies where a command is to run. This program holds code for one device.
void choose(const program::DeviceChoice& choice) {
  if (choice.device != "auto" && choice.device != Cpu::name) {
    raise<ValueError>("--device", "auto or cpu, which this program was built for", choice.device);
  }
  if (choice.threads > 0) set_thread_count(choice.threads);
}

int run_command(const program::Command& command) {
  std::visit(
      [](const auto& chosen) {
        if constexpr (requires { chosen.where; }) choose(chosen.where);
      },
      command);
  return program::run<Cpu>(command);
}

}  // namespace

int main(int count, char** arguments) {
  const auto fail = [](const std::string& message) {
    std::fprintf(stderr, "pixnerd: %s\n", message.c_str());
    return 1;
  };
  try {
    int exit_code = 0;
    const auto command = program::parse_command_line(count, arguments, exit_code);
    return command ? run_command(*command) : exit_code;
  } catch (const std::bad_alloc&) {
    return fail("[memory] expected room for another tensor or image, got none");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
