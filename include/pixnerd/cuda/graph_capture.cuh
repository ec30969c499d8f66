// SPDX-License-Identifier: MIT
/// \file
/// Capturing work on the GPU as a graph, and launching that graph.
#pragma once

#include <memory>
#include <utility>

#include <pixnerd/core/graph_capture.hpp>
#include <pixnerd/cuda/memory.cuh>

namespace pixnerd {

/// Captured work allocates from an arena of this object. So does the call before the capture, which leaves in
/// the arena the blocks that the capture needs. The first call does not: tensors that it creates to be kept,
/// such as tables, must not lie in memory that the graph uses.
template <>
class GraphCapture<Cuda> {
 public:
  static constexpr bool captures = true;

  explicit GraphCapture(bool capture = true) : arena_(capture ? std::make_shared<CudaArena>() : nullptr) {}
  GraphCapture(bool capture, const GraphCapture& other) : arena_(capture ? other.arena_ : nullptr) {}
  GraphCapture(const GraphCapture&) = delete;
  GraphCapture& operator=(const GraphCapture&) = delete;
  ~GraphCapture() { forget(); }

  /// Throws what `work` throws, and CudaError when it does something that cannot be captured.
  template <class Work>
  void operator()(Work&& work) {
    if (!arena_) {
      work();
      return;
    }
    if (graph_ == nullptr) {
      if (calls_ == 0) {
        work();
        MemoryPool<Cuda>::instance().trim();  // the arena needs the memory
        ++calls_;
        return;
      }
      const CudaArena::Use use(*arena_);
      if (calls_ == 1) {
        work();
        ++calls_;
        return;
      }
      graph_ = capture(work);
    }
    PIXNERD_CUDA_CHECK("replay", cudaGraphLaunch(graph_, cuda_stream()));
  }

  void reset() {
    forget();
    calls_ = 0;
  }

 private:
  template <class Work>
  static cudaGraphExec_t capture(Work& work) {
    const cudaStream_t stream = cuda_stream();
    // Other threads may go on using the GPU.
    PIXNERD_CUDA_CHECK("replay", cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      (void)cudaStreamEndCapture(stream, &graph);
      if (graph != nullptr) (void)cudaGraphDestroy(graph);
      (void)cudaGetLastError();
      throw;
    }
    const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
    if (ended != cudaSuccess) {
      (void)cudaGetLastError();
      raise<CudaError>("replay",
                       "work that asks only for kernels and copies on the GPU, for it is recorded to be "
                       "repeated",
                       str_cat(cudaGetErrorName(ended), ": ", cudaGetErrorString(ended)));
    }
    cudaGraphExec_t out = nullptr;
    const cudaError_t made = cudaGraphInstantiate(&out, graph, 0);
    (void)cudaGraphDestroy(graph);
    PIXNERD_CUDA_CHECK("replay", made);
    return out;
  }

  void forget() noexcept {
    if (graph_ == nullptr) return;
    cuda_wait();  // the graph may be running
    (void)cudaGraphExecDestroy(std::exchange(graph_, nullptr));
  }

  std::shared_ptr<CudaArena> arena_;  // null: never captures
  cudaGraphExec_t graph_ = nullptr;
  int calls_ = 0;
};

}  // namespace pixnerd
