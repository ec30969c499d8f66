// SPDX-License-Identifier: MIT
/// \file
/// Copies to the GPU through pinned memory.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/core/upload.hpp>
#include <pixnerd/cuda/memory.cuh>

namespace pixnerd {

template <>
class Upload<Cuda> {
 public:
  Upload() = default;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  ~Upload() {
    // The GPU may still read the memory.
    if (copied_) cuda_wait();
  }

  void operator()(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    if (copied_) copied_->synchronize("copy from the host");
    if (!memory_ || memory_->size() < bytes) memory_.emplace(bytes);
    if (!copied_) copied_.emplace();  // created before the first copy, so there is nothing to wait for
    std::byte* pinned = memory_->values().data();
    constexpr std::int64_t grain = 1 << 18;  // a single thread does not saturate the memory bandwidth
    parallel_ranges(static_cast<std::int64_t>(bytes), grain, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(pinned + begin, static_cast<const std::byte*>(from) + begin,
                  static_cast<std::size_t>(end - begin));
    });
    memory_->send(static_cast<std::byte*>(to), bytes);
    copied_->record();
  }

 private:
  std::optional<PinnedBuffer<std::byte>> memory_;
  std::optional<CudaEvent> copied_;
};

}  // namespace pixnerd
