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

}  // namespace pixnerd
