// SPDX-License-Identifier: MIT
/// \file
/// Device tags: the device of a tensor, a layer or a kernel is a type.
#pragma once

namespace pixnerd {

/// The host processor.
struct Cpu {
  static constexpr const char* name = "cpu";
};

/// An NVIDIA GPU. This is only the tag; the code for it is in the `.cuh` files.
struct Cuda {
  static constexpr const char* name = "cuda";
};

/// The base of the primary template wherever each device has its own specialization (SwigluKernel,
/// MemoryPool, ...). Using a device without one is a compile error that names the template and the device.
template <class Device>
struct MissingKernel {
  static_assert(sizeof(Device) == 0,
                "this operation has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

}  // namespace pixnerd
