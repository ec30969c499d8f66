// SPDX-License-Identifier: MIT
/// \file
/// The GPU that this process uses, the one stream on which all of its work is ordered, and events on it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include <pixnerd/core/device.hpp>
#include <pixnerd/cuda/error.cuh>

namespace pixnerd {

/// Facts about a GPU.
struct CudaDeviceInfo {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::size_t memory = 0;  ///< bytes
};

/// The number of GPUs; 0 without a GPU or a driver. Never throws.
inline int cuda_device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    (void)cudaGetLastError();
    return 0;
  }
  return count;
}

namespace detail {

/// The GPU of this process and the library's stream on it. Fixed by the first use.
class CudaContext {
 public:
  static CudaContext& instance() {
    // Never destroyed: the driver may shut down before static objects are destroyed.
    static CudaContext* context = new CudaContext;
    return *context;
  }

  void choose(int index) {
    const std::lock_guard lock(mutex_);
    const int count = cuda_device_count();
    if (index < 0 || index >= count) {
      raise<ValueError>("cuda", count == 0 ? str_cat("a GPU") : str_cat("a GPU from 0 to ", count - 1),
                        count == 0 ? str_cat("none") : str_cat(index));
    }
    if (stream_.load() != nullptr && index != index_) {
      raise<Error>("cuda", str_cat("work on GPU ", index_, ", which is in use"), str_cat("GPU ", index));
    }
    index_ = index;
  }

  int index() const { return index_; }

  cudaStream_t stream() {
    if (const auto stream = stream_.load(std::memory_order_acquire)) {
      // The runtime keeps the current GPU per thread.
      if (bound_ != this) bind();
      return stream;
    }
    const std::lock_guard lock(mutex_);
    if (stream_.load() == nullptr) {
      if (cuda_device_count() == 0) raise<CudaError>("cuda", "a GPU and its driver", "none");
      bind();
      cudaStream_t made = nullptr;
      PIXNERD_CUDA_CHECK("cuda stream", cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
      stream_.store(made, std::memory_order_release);
    }
    return stream_.load();
  }

 private:
  void bind() {
    PIXNERD_CUDA_CHECK("cuda device", cudaSetDevice(index_));
    bound_ = this;
  }

  std::mutex mutex_;
  int index_ = 0;
  std::atomic<cudaStream_t> stream_ = nullptr;
  static inline thread_local const CudaContext* bound_ = nullptr;
};

}  // namespace detail

/// Chooses the GPU of this process, 0 unless called. Throws ValueError if there is no such GPU, Error if
/// another one is in use already.
inline void use_cuda_device(int index) {
  detail::CudaContext::instance().choose(index);
}

/// Queries a GPU. Throws CudaError if there is no such GPU or its driver fails.
inline CudaDeviceInfo cuda_device_info(int index) {
  cudaDeviceProp properties{};
  PIXNERD_CUDA_CHECK("cuda device", cudaGetDeviceProperties(&properties, index));
  return {properties.name, properties.major, properties.minor, properties.multiProcessorCount,
          properties.totalGlobalMem};
}

/// Free memory of a GPU, in bytes. Starts to use that GPU: throws CudaError if the GPU or its driver refuses
/// this process.
inline std::size_t cuda_free_memory(int index) {
  int before = 0;
  PIXNERD_CUDA_CHECK("cuda device", cudaGetDevice(&before));
  std::size_t free = 0, total = 0;
  cudaError_t error = cudaSetDevice(index);
  if (error == cudaSuccess) error = cudaMemGetInfo(&free, &total);
  (void)cudaSetDevice(before);
  if (error != cudaSuccess) (void)cudaGetLastError();
  PIXNERD_CUDA_CHECK("cuda memory", error);
  return free;
}

/// The stream of all kernels and copies of the library. Throws CudaError without a GPU.
inline cudaStream_t cuda_stream() {
  return detail::CudaContext::instance().stream();
}

/// The most shared memory that a block may have on the GPU in use, in bytes. Throws CudaError without a GPU.
inline std::int64_t cuda_shared_memory() {
  static const std::int64_t bytes = [] {
    (void)cuda_stream();  // fixes the GPU
    int most = 0;
    PIXNERD_CUDA_CHECK("cuda device", cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin,
                                                             detail::CudaContext::instance().index()));
    return most;
  }();
  return bytes;
}

/// Waits until the GPU has completed all work. Throws CudaError, which names `op`, if some of it failed.
inline void cuda_synchronize(const char* op) {
  PIXNERD_CUDA_CHECK(op, cudaStreamSynchronize(cuda_stream()));
}

/// The same for destructors: a failure is reported by the next call that can throw.
inline void cuda_wait() noexcept {
  try {
    (void)cudaStreamSynchronize(cuda_stream());
  } catch (const Error&) {  // no GPU anymore
  }
}

/// Whether work is being captured into a graph instead of executed.
inline bool cuda_is_capturing() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  PIXNERD_CUDA_CHECK("cuda graph", cudaStreamIsCapturing(cuda_stream(), &status));
  return status != cudaStreamCaptureStatusNone;
}

/// A point in the stream that can be waited for.
class CudaEvent {
 public:
  CudaEvent() {
    (void)cuda_stream();  // binds this thread to the GPU
    PIXNERD_CUDA_CHECK("cuda event", cudaEventCreate(&event_));
  }
  CudaEvent(CudaEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  CudaEvent& operator=(CudaEvent&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  ~CudaEvent() {
    if (event_ != nullptr) (void)cudaEventDestroy(event_);
  }

  /// Marks the work enqueued so far.
  void record() { PIXNERD_CUDA_CHECK("cuda event", cudaEventRecord(event_, cuda_stream())); }

  /// Waits until the marked work is complete. Throws CudaError, which names `op`, if some of it failed.
  void synchronize(const char* op) const { PIXNERD_CUDA_CHECK(op, cudaEventSynchronize(event_)); }

  /// Milliseconds on the GPU since an earlier event. Both must be complete.
  double milliseconds_since(const CudaEvent& earlier) const {
    float out = 0;
    PIXNERD_CUDA_CHECK("cuda event", cudaEventElapsedTime(&out, earlier.event_, event_));
    return out;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace pixnerd
