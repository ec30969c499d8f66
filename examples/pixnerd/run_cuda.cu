// SPDX-License-Identifier: MIT
/// \file
/// The commands on a GPU.
#include <algorithm>

#include <pixnerd/pixnerd.cuh>

#include "gpu.hpp"
#include "run.hpp"
#include "runner.hpp"

namespace pixnerd::program {

CudaSupport cuda_support() {
  CudaSupport out;
  out.compiled_in = true;
  out.compiler = str_cat(__CUDACC_VER_MAJOR__, ".", __CUDACC_VER_MINOR__);
  for (const int architecture : {__CUDA_ARCH_LIST__}) out.architectures.push_back(architecture / 10);
  std::sort(out.architectures.begin(), out.architectures.end());
  for (int i = 0; i < cuda_device_count(); ++i) {
    const auto info = cuda_device_info(i);
    out.gpus.push_back(
        {info.name, 10 * info.major + info.minor, info.multiprocessors, static_cast<double>(info.memory)});
  }
  return out;
}

double free_gpu_memory(int index) {
  return static_cast<double>(cuda_free_memory(index));
}

void use_gpu(int index) {
  use_cuda_device(index);
}

template <>
int run<Cuda>(const Command& command) {
  return std::visit(Runner<Cuda>(), command);
}

}  // namespace pixnerd::program
