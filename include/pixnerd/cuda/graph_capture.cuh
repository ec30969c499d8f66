// SPDX-License-Identifier: MIT
/// \file
/// Recording work on the GPU as a graph, and repeating it.
#pragma once

#include <memory>
#include <utility>

#include <pixnerd/core/graph_capture.hpp>
#include <pixnerd/cuda/memory.cuh>

namespace pixnerd {

/// The recorded work allocates from memory of this object's own. So does the call before it, which leaves
/// there what the recording needs, but not the first one: what that makes to be kept, a table of some size,
/// stays with whoever keeps it, out of the reach of what is recorded.
template <>
class GraphCapture<Cuda> {
 public:
  static constexpr bool captures = true;

  explicit GraphCapture(bool capture = true) : arena_(capture ? std::make_shared<CudaArena>() : nullptr) {}
  GraphCapture(bool capture, const GraphCapture& other) : arena_(capture ? other.arena_ : nullptr) {}
  GraphCapture(const GraphCapture&) = delete;
  GraphCapture& operator=(const GraphCapture&) = delete;
  ~GraphCapture() { forget(); }

  /// Throws what `work` throws, and CudaError when it asks for what cannot be recorded.
  template <class Work>
  void operator()(Work&& work) {
    if (!arena_) {
      work();
      return;
    }
    if (graph_ == nullptr) {
      if (calls_ == 0) {
        work();
        MemoryPool<Cuda>::instance().trim();  // the arena has use for it
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
    // Other threads may go on with whatever they ask of the GPU.
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
    cuda_wait();  // it may be running
    (void)cudaGraphExecDestroy(std::exchange(graph_, nullptr));
  }

  std::shared_ptr<CudaArena> arena_;  // null: nothing is recorded
  cudaGraphExec_t graph_ = nullptr;
  int calls_ = 0;
};

}  // namespace pixnerd
