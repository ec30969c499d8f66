/// \file
/// The commands on the CPU.
#include <pixnerd/core/device.hpp>

#include "info.hpp"
#include "run.hpp"
#include "sample.hpp"
#include "train.hpp"
#include "verify.hpp"

namespace pixnerd::program {

namespace {

template <class Device>
struct Runner {
  int operator()(const TrainCommand& command) const { return train_command<Device>(command); }
  int operator()(const SampleCommand& command) const { return sample<Device>(command); }
  int operator()(const VerifyCommand& command) const { return verify<Device>(command); }
  int operator()(const InfoCommand& command) const { return info(command); }
};

}  // namespace

template <>
int run<Cpu>(const Command& command) {
  return std::visit(Runner<Cpu>(), command);
}

}  // namespace pixnerd::program
