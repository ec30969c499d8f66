// SPDX-License-Identifier: MIT
/// \file
/// Stands in for run_cuda.cu in a program without CUDA code.
#include <pixnerd/core/device.hpp>
#include <pixnerd/core/error.hpp>

#include "gpu.hpp"
#include "run.hpp"

namespace pixnerd::program {

CudaSupport cuda_support() {
  return {};
}

double free_gpu_memory(int) {
  raise<Error>("cuda", "a program with CUDA code", "one without");
}

void use_gpu(int) {
  raise<Error>("cuda", "a program with CUDA code", "one without");
}

template <>
int run<Cuda>(const Command&) {
  raise<Error>("cuda", "a program with CUDA code", "one without");
}

}  // namespace pixnerd::program
