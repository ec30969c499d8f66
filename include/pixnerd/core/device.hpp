// SPDX-License-Identifier: MIT
/// \file
/// Device tags. A tensor, a layer and a kernel name the device they live on as a type.
#pragma once

namespace pixnerd {

/// The host processor.
struct Cpu {
  static constexpr const char* name = "cpu";
};

/// An NVIDIA GPU. Only the tag lives here; what runs on it is in the `.cuh` files.
struct Cuda {
  static constexpr const char* name = "cuda";
};

/// The base of every template that each device specializes (SwigluKernel, MemoryPool, …): its primary
/// template, without code, is an error of compilation in which the compiler names the template and the
/// device.
template <class Device>
struct MissingKernel {
  static_assert(sizeof(Device) == 0,
                "this operation has no code for this device here: include pixnerd.hpp and compile with nvcc");
};

}  // namespace pixnerd
