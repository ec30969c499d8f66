// SPDX-License-Identifier: MIT
/// \file
/// The part of the CUDA runtime that the library calls, on the CPU; see emulator.hpp. The "GPU" has 4 GiB.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>

#include "cuda_device_functions.h"

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
};
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };
enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
inline constexpr unsigned cudaStreamNonBlocking = 1;

namespace emulation {

struct Graph {
  std::vector<std::function<void()>> nodes;
};
struct Stream {
  std::unique_ptr<Graph> captured;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool invalid = false;
};

inline constexpr std::size_t gpu_memory = std::size_t{4} << 30;
inline constexpr std::size_t guard = 64;

struct Gpu {
  std::mutex mutex;
  std::map<void*, std::size_t> allocations;
  std::size_t used = 0;
  cudaError_t last_error = cudaSuccess;
  std::string fault;  // of the last kernel that failed
  int devices = 1;
  int fail_allocation = -1;     // counts down to an allocation that fails
  bool fail_for_good = false;   // whether all later ones fail, too
  bool allocation_hit = false;  // whether one failed
  Stream stream;

  static Gpu& instance() {
    static Gpu* gpu = new Gpu;
    return *gpu;
  }
  cudaError_t fail(cudaError_t error) { return last_error = error; }

  /// Whether the next allocation, of any kind, must fail.
  bool allocation_fails() {
    if (fail_allocation < 0) return false;
    if (fail_allocation > 0) {
      --fail_allocation;
      return false;
    }
    if (!fail_for_good) fail_allocation = -1;
    return allocation_hit = true;
  }

  /// Runs work now, or keeps it for a graph.
  template <class Work>
  cudaError_t submit(Work work) {
    const Inside inside;
    if (stream.captured) {
      stream.captured->nodes.push_back(std::move(work));
      return cudaSuccess;
    }
    return run(work);
  }
  cudaError_t run(const std::function<void()>& work) {
    const Inside inside;
    try {
      work();
    } catch (const std::exception& error) {
      fault = error.what();
      return fail(cudaErrorLaunchFailure);
    }
    return cudaSuccess;
  }
};

}  // namespace emulation

using cudaStream_t = emulation::Stream*;
using cudaGraph_t = emulation::Graph*;
using cudaGraphExec_t = emulation::Graph*;
using cudaEvent_t = int*;

struct cudaDeviceProp {
  char name[256] = "emulated GPU";
  int major = 9, minor = 0, multiProcessorCount = 2;
  std::size_t totalGlobalMem = emulation::gpu_memory;
};

inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    default:
      return "cudaErrorInvalidValue";
  }
}
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorLaunchFailure ? emulation::Gpu::instance().fault.c_str() : "emulated";
}
inline cudaError_t cudaGetLastError() {
  return std::exchange(emulation::Gpu::instance().last_error, cudaSuccess);
}
inline cudaError_t cudaPeekAtLastError() {
  return emulation::Gpu::instance().last_error;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulation::Gpu::instance().devices;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* index) {
  *index = 0;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin = 97 };
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 227 * 1024;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = emulation::gpu_memory;
  *free = emulation::gpu_memory - emulation::Gpu::instance().used;
  return cudaSuccess;
}

inline cudaError_t cudaMalloc(void** out, std::size_t bytes) {
  const emulation::Inside inside;
  auto& gpu = emulation::Gpu::instance();
  const std::lock_guard lock(gpu.mutex);
  *out = nullptr;
  if (gpu.stream.captured && gpu.stream.mode != cudaStreamCaptureModeRelaxed) {
    gpu.stream.invalid = true;
    return gpu.fail(cudaErrorStreamCaptureUnsupported);
  }
  if (gpu.allocation_fails() || gpu.used + bytes > emulation::gpu_memory)
    return gpu.fail(cudaErrorMemoryAllocation);
  void* memory = std::aligned_alloc(256, (bytes + emulation::guard + 255) / 256 * 256);
  if (memory == nullptr) return gpu.fail(cudaErrorMemoryAllocation);
  std::memset(memory, 0xff, (bytes + emulation::guard + 255) / 256 * 256);
  gpu.allocations[memory] = bytes;
  gpu.used += bytes;
  *out = memory;
  return cudaSuccess;
}
template <class T>
cudaError_t cudaMalloc(T** out, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(out), bytes);
}
inline cudaError_t cudaFree(void* memory) {
  auto& gpu = emulation::Gpu::instance();
  const std::lock_guard lock(gpu.mutex);
  if (memory == nullptr) return cudaSuccess;
  if (gpu.stream.captured && gpu.stream.mode != cudaStreamCaptureModeRelaxed) {
    gpu.stream.invalid = true;
    return gpu.fail(cudaErrorStreamCaptureUnsupported);
  }
  const auto found = gpu.allocations.find(memory);
  if (found == gpu.allocations.end()) return gpu.fail(cudaErrorInvalidValue);
  const auto* end = static_cast<unsigned char*>(memory) + found->second;
  for (std::size_t i = 0; i < emulation::guard; ++i) {
    if (end[i] != 0xff) {
      std::fprintf(stderr, "emulated GPU: memory of %zu bytes was written beyond its end\n", found->second);
      std::abort();
    }
  }
  gpu.used -= found->second;
  gpu.allocations.erase(found);
  std::free(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMallocHost(void** out, std::size_t bytes) {
  const emulation::Inside inside;
  auto& gpu = emulation::Gpu::instance();
  *out = gpu.allocation_fails() ? nullptr : std::malloc(bytes);
  return *out == nullptr ? gpu.fail(cudaErrorMemoryAllocation) : cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t) {
  return emulation::Gpu::instance().submit([=] { std::memcpy(to, from, bytes); });
}
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  return emulation::Gpu::instance().submit([=] { std::memset(to, value, bytes); });
}

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = &emulation::Gpu::instance().stream;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (!stream->captured) return cudaSuccess;
  stream->invalid = true;
  return emulation::Gpu::instance().fail(cudaErrorStreamCaptureUnsupported);
}
inline cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream->captured ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
inline cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, emulation::Gpu::instance().stream.mode);
  return cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const emulation::Inside inside;
  if (stream->captured) return cudaErrorInvalidValue;
  stream->captured = std::make_unique<emulation::Graph>();
  stream->mode = mode;
  stream->invalid = false;
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const emulation::Inside inside;
  *graph = nullptr;
  const auto captured = std::move(stream->captured);
  if (stream->invalid) return emulation::Gpu::instance().fail(cudaErrorStreamCaptureInvalidated);
  *graph = new emulation::Graph(*captured);
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long = 0) {
  const emulation::Inside inside;
  if (emulation::Gpu::instance().allocation_fails()) {
    return emulation::Gpu::instance().fail(cudaErrorMemoryAllocation);
  }
  *out = new emulation::Graph(*graph);
  return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  for (const auto& node : graph->nodes) {
    if (const auto error = emulation::Gpu::instance().run(node)) return error;
  }
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}

inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
  const emulation::Inside inside;
  if (emulation::Gpu::instance().allocation_fails()) {
    return emulation::Gpu::instance().fail(cudaErrorMemoryAllocation);
  }
  *event = new int(0);
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return cudaSuccess;
}
inline cudaError_t cudaEventElapsedTime(float* out, cudaEvent_t, cudaEvent_t) {
  *out = 1;
  return cudaSuccess;
}
