// SPDX-License-Identifier: MIT
/// \file
/// Every command on a device.
#pragma once

#include "files/convert.hpp"
#include "files/info.hpp"
#include "sample/sample.hpp"
#include "train/train.hpp"
#include "verify/verify.hpp"

namespace pixnerd::program {

template <class Device>
struct Runner {
  int operator()(const TrainCommand& command) const { return train_command<Device>(command); }
  int operator()(const SampleCommand& command) const { return sample_command<Device>(command); }
  int operator()(const VerifyCommand& command) const { return verify<Device>(command); }
  int operator()(const ConvertCommand& command) const { return convert(command); }
  int operator()(const InfoCommand& command) const { return info(command); }
};

}  // namespace pixnerd::program
