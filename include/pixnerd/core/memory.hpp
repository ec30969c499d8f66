// SPDX-License-Identifier: MIT
/// \file
/// Host memory from a caching pool: after the first steps, a training step allocates nothing new.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include <pixnerd/core/annotations.hpp>
#include <pixnerd/core/device.hpp>
#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// An allocation failed.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

/// Bytes that a pool holds from the system, and how many of them tensors use now and used at the peak.
struct MemoryStatistics {
  std::size_t held = 0;
  std::size_t in_use = 0;
  std::size_t peak = 0;
  std::size_t system_allocations = 0;  ///< number of allocations from the system
};

/// Allocates and frees the memory of tensors. Each device specializes it.
template <class Device>
struct MemoryPool : MissingKernel<Device> {};

/// Host memory in blocks aligned to 64 bytes. Freed blocks are kept by size. Thread-safe.
template <>
struct MemoryPool<Cpu> {
 public:
  static MemoryPool& instance() {
    // Never destroyed, because tensors with static lifetime may be freed after any other static object.
    static MemoryPool* pool = new MemoryPool;
    return *pool;
  }

  void* allocate(std::size_t bytes) {
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    void* block = nullptr;
    if (auto& blocks = free_[size]; !blocks.empty()) {
      block = blocks.back();
      blocks.pop_back();
    } else {
      block = std::aligned_alloc(alignment, size);
      if (block == nullptr) {
        release_free_blocks();
        block = std::aligned_alloc(alignment, size);
      }
      if (block == nullptr) {
        throw OutOfMemory(str_cat("[cpu memory] expected ", bytes, " bytes, got none: the pool holds ",
                                  statistics_.held, " bytes, ", statistics_.in_use, " of them in use"));
      }
      statistics_.held += size;
      ++statistics_.system_allocations;
    }
    statistics_.in_use += size;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    return block;
  }

  void free(void* block, std::size_t bytes) noexcept {
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    statistics_.in_use -= size;
    try {
      free_[size].push_back(block);
    } catch (...) {
      std::free(block);
      statistics_.held -= size;
    }
  }

  /// Returns unused blocks to the system.
  void trim() {
    const std::lock_guard lock(mutex_);
    release_free_blocks();
  }

  MemoryStatistics statistics() {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  static constexpr std::size_t alignment = 64;

  /// Rounds up to a multiple of an eighth of the next lower power of two, so that similar sizes share blocks.
  static std::size_t block_size(std::size_t bytes) {
    std::size_t step = alignment;
    while (step * 16 <= bytes) step *= 2;
    return std::max(step, (bytes + step - 1) / step * step);
  }

  void release_free_blocks() {
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) std::free(block);
      statistics_.held -= size * blocks.size();
      blocks.clear();
    }
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  MemoryStatistics statistics_;
};

/// Copies bytes within a device and between it and the host. Each device specializes it.
template <class Device>
struct MemoryTransfer : MissingKernel<Device> {};

template <>
struct MemoryTransfer<Cpu> {
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  static void zero(void* to, std::size_t bytes) {
    if (bytes > 0) std::memset(to, 0, bytes);
  }
  template <class T>
  static void fill(T* to, std::int64_t count, T value) {
    std::fill_n(to, count, value);
  }
  static void from_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void to_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
};

/// Shared, untyped, uninitialized device memory.
template <class Device>
PIXNERD_NOINLINE std::shared_ptr<std::byte> allocate_bytes(std::size_t bytes) {
  if (bytes == 0) return {};
  auto& pool = MemoryPool<Device>::instance();
  auto* block = static_cast<std::byte*>(pool.allocate(bytes));
  return std::shared_ptr<std::byte>(block, [&pool, bytes](std::byte* p) { pool.free(p, bytes); });
}

}  // namespace pixnerd
