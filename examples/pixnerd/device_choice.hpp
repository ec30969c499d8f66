// SPDX-License-Identifier: MIT
/// \file
/// Which device a command runs on, and why.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include <pixnerd/core/device.hpp>
#include <pixnerd/core/error.hpp>

#include "commands.hpp"
#include "gpu.hpp"
#include "host_memory.hpp"

namespace pixnerd::program {

namespace detail {

/// "9.0".
inline std::string capability_text(int capability) {
  return str_cat(capability / 10, ".", capability % 10);
}

/// Why a GPU cannot be used; empty when it can.
inline std::string gpu_problem(const CudaSupport& cuda, const Gpu& gpu) {
  if (cuda.architectures.empty() || gpu.capability >= cuda.architectures.front()) return "";
  return str_cat(gpu.name, " has compute capability ", capability_text(gpu.capability),
                 ", and this program's code begins with ", capability_text(cuda.architectures.front()));
}

/// Why no GPU can be used; empty when the first one can.
inline std::string cuda_problem(const CudaSupport& cuda) {
  if (!cuda.compiled_in) return "this program was built without CUDA code";
  if (cuda.gpus.empty()) return "there is no GPU, or no driver for it";
  return gpu_problem(cuda, cuda.gpus.front());
}

inline void run_on_gpu(DeviceChoice& choice, const CudaSupport& cuda, int index, const std::string& why) {
  const Gpu& gpu = cuda.gpus[static_cast<std::size_t>(index)];
  use_gpu(index);
  choice.on_gpu = true;
  choice.memory = gpu.memory;
  choice.memory_owner = str_cat("GPU ", index);
  choice.description = str_cat(Cuda::name, ":", index, " ", gpu.name, " (", why, ")");
}

/// The N of "cuda:N", -1 for anything else.
inline int gpu_number(const std::string& word) {
  const std::string prefix = str_cat(Cuda::name, ":");
  int number = -1;
  if (!word.starts_with(prefix)) return -1;
  const char* const end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data() + prefix.size(), end, number);
  return error == std::errc() && at == end ? number : -1;
}

}  // namespace detail

/// Decides where a command runs and fills in what follows from it. Throws ValueError for a device that is not
/// there.
inline void choose_device(DeviceChoice& choice) {
  const std::string& asked = choice.device;
  choice.memory = host_memory();
  choice.memory_owner = "this machine or its container";
  if (asked == Cpu::name) {
    choice.description = "cpu (as asked)";
    return;
  }
  const int number = asked == Cuda::name ? 0 : detail::gpu_number(asked);
  if (asked != "auto" && number < 0) {
    raise<ValueError>("--device", "auto, cpu, cuda or cuda:N with the number N of a GPU", asked);
  }
  const CudaSupport cuda = cuda_support();
  if (asked == "auto") {
    const std::string problem = detail::cuda_problem(cuda);
    if (!problem.empty()) {
      choice.description = str_cat("cpu (", problem, ")");
    } else {
      detail::run_on_gpu(choice, cuda, 0, "there is a GPU; --device cpu for the processor");
    }
    return;
  }
  if (!cuda.compiled_in || cuda.gpus.empty()) {
    raise<ValueError>("--device", str_cat("auto or cpu, for ", detail::cuda_problem(cuda)), asked);
  }
  const int count = static_cast<int>(cuda.gpus.size());
  if (number >= count) {
    raise<ValueError>("--device",
                      count == 1 ? str_cat("cuda:0, the only GPU") : str_cat("cuda:0 to cuda:", count - 1),
                      asked);
  }
  const std::string problem = detail::gpu_problem(cuda, cuda.gpus[static_cast<std::size_t>(number)]);
  if (!problem.empty()) raise<ValueError>("--device", "a GPU that this program has code for", problem);
  detail::run_on_gpu(choice, cuda, number, "as asked");
}

}  // namespace pixnerd::program
