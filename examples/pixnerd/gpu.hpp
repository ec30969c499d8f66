// SPDX-License-Identifier: MIT
/// \file
/// What the program knows about GPUs without seeing CUDA: run_cuda.cu defines these functions, or
/// run_without_cuda.cpp in a program without CUDA code.
#pragma once

#include <string>
#include <vector>

namespace pixnerd::program {

/// A GPU of this machine.
struct Gpu {
  std::string name;
  int capability = 0;  ///< compute capability, 90 for 9.0
  int multiprocessors = 0;
  double memory = 0;  ///< bytes
};

/// What there is of CUDA.
struct CudaSupport {
  bool compiled_in = false;
  std::string compiler;            ///< version of nvcc
  std::vector<int> architectures;  ///< compute capabilities that there is code for, ascending
  std::vector<Gpu> gpus;
};

CudaSupport cuda_support();

/// Bytes of GPU `index` that nobody uses now. Throws Error when it cannot be used.
double free_gpu_memory(int index);

/// Makes GPU `index` the one of this process.
void use_gpu(int index);

}  // namespace pixnerd::program
