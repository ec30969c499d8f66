// SPDX-License-Identifier: MIT
/// \file
/// From the name of a precision to its policy.
#pragma once

#include <concepts>
#include <string>

#include <pixnerd/core/device.hpp>
#include <pixnerd/nn/precision.hpp>

namespace pixnerd {

/// "full" or "mixed" for what was asked for; auto is mixed where it is faster: on a GPU.
template <class Device>
std::string precision_of(const std::string& asked) {
  if (asked != "auto") return asked;
  return std::same_as<Device, Cuda> ? "mixed" : "full";
}

/// Calls work(policy) with the policy of a device and the name of a precision, "full" or "mixed".
template <class Device, class Work>
auto with_policy(const std::string& name, Work work) {
  return name == "mixed" ? work(On<Device, Mixed>{}) : work(On<Device>{});
}

}  // namespace pixnerd
