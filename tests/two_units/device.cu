// SPDX-License-Identifier: MIT
// The file of this program that nvcc compiles, or the C++ compiler for emulation.
#include "two_units.hpp"

std::vector<float> compute_on_the_cpu_in_a_cuda_file() {
  return compute<pixnerd::Cpu>();
}

std::optional<std::vector<float>> compute_on_the_gpu() {
  if (pixnerd::cuda_device_count() == 0) return std::nullopt;
  return compute<pixnerd::Cuda>();
}
