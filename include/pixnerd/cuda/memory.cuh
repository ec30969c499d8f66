// SPDX-License-Identifier: MIT
/// \file
/// GPU memory from a caching pool, copies, and pinned host memory.
///
/// All work is ordered on one stream, so memory that a tensor frees can be reused at once: the new owner's
/// work runs after the old owner's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>

#include <pixnerd/core/memory.hpp>
#include <pixnerd/cuda/launch.cuh>

namespace pixnerd {

/// GPU memory. Freed blocks are kept by size, in the arena they were allocated for. Thread-safe.
template <>
struct MemoryPool<Cuda> {
 public:
  static MemoryPool& instance() {
    static MemoryPool* pool = new MemoryPool;  // never destroyed, as the host's pool
    return *pool;
  }

  void* allocate(std::size_t bytes) {
    (void)cuda_stream();  // binds this thread to the GPU
    const std::lock_guard lock(mutex_);
    const std::size_t size = caching_ ? block_size(bytes) : bytes;
    auto& free = free_[arena_];
    // Takes a somewhat larger block, too.
    auto found = free.lower_bound(size);
    void* memory = nullptr;
    if (found != free.end() && found->first <= size + size / 8) {
      memory = found->second;
      blocks_.at(memory).place = free.extract(found);
    } else {
      memory = allocate_from_system(bytes, size);
    }
    statistics_.in_use += blocks_.at(memory).size;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    return memory;
  }

  void free(void* memory, std::size_t) noexcept {
    const std::lock_guard lock(mutex_);
    const auto block = blocks_.find(memory);
    statistics_.in_use -= block->second.size;
    const auto arena = free_.find(block->second.arena);
    // Returned to the system only once its arena is gone: captured work may use it until then.
    if ((caching_ || block->second.arena != 0) && arena != free_.end()) {
      arena->second.insert(std::move(block->second.place));
      return;
    }
    release(block);
  }

  /// Returns unused blocks to the system, except those of arenas.
  void trim() {
    const std::lock_guard lock(mutex_);
    release_free_blocks(0);
  }

  /// Whether freed blocks are kept. If not, every tensor has memory of exactly its size from the system, so
  /// that memory checkers see each end of it. Slow; for debugging.
  void set_caching(bool caching) {
    const std::lock_guard lock(mutex_);
    caching_ = caching;
    if (!caching) release_free_blocks(0);
  }

  /// Resets the peak to what is used now.
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    statistics_.peak = statistics_.in_use;
  }

  MemoryStatistics statistics() {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  friend class CudaArena;

  using FreeBlocks = std::multimap<std::size_t, void*>;  // by size
  struct Block {
    std::size_t size;
    std::int64_t arena;
    /// Its node of the map of free blocks, kept here while the block is in use, so that freeing allocates
    /// nothing.
    FreeBlocks::node_type place;
  };
  using Blocks = std::unordered_map<void*, Block>;

  /// Rounds up to a multiple of an eighth of the next lower power of two, but at least 512 bytes and at most
  /// a page of the GPU (2 MiB), so that similar sizes share blocks.
  static std::size_t block_size(std::size_t bytes) {
    constexpr std::size_t page = std::size_t{2} << 20;
    std::size_t step = 512;
    while (step < page && step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
  }

  /// Allocates from the system even while work is captured: a graph's memory belongs to its arena.
  template <class Call>
  static cudaError_t while_capturing(Call call) {
    auto mode = cudaStreamCaptureModeRelaxed;
    (void)cudaThreadExchangeStreamCaptureMode(&mode);
    const cudaError_t error = call();
    (void)cudaThreadExchangeStreamCaptureMode(&mode);
    return error;
  }

  void* allocate_from_system(std::size_t bytes, std::size_t size) {
    void* memory = nullptr;
    const auto ask = [&] { return cudaMalloc(&memory, size); };
    cudaError_t error = while_capturing(ask);
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      if (!cuda_is_capturing()) (void)cudaStreamSynchronize(cuda_stream());
      release_free_blocks(0);
      error = while_capturing(ask);
    }
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      std::size_t free = 0, total = 0;
      (void)cudaMemGetInfo(&free, &total);
      throw OutOfMemory(str_cat("[cuda memory] expected ", bytes, " bytes, got none: the pool holds ",
                                statistics_.held, " bytes, ", statistics_.in_use,
                                " of them in use, and the GPU has ", free, " of its ", total, " bytes free"));
    }
    PIXNERD_CUDA_CHECK("cuda memory", error);
    try {
      FreeBlocks places;
      places.emplace(size, memory);
      blocks_.emplace(memory, Block{size, arena_, places.extract(places.begin())});
    } catch (...) {
      (void)while_capturing([memory] { return cudaFree(memory); });
      throw;
    }
    statistics_.held += size;
    ++statistics_.system_allocations;
    return memory;
  }

  void release(Blocks::iterator block) {
    (void)while_capturing([&] { return cudaFree(block->first); });
    statistics_.held -= block->second.size;
    blocks_.erase(block);
  }

  void release_free_blocks(std::int64_t arena) {
    auto& free = free_[arena];
    for (const auto& [size, memory] : free) release(blocks_.find(memory));
    free.clear();
  }

  std::mutex mutex_;
  Blocks blocks_;
  std::map<std::int64_t, FreeBlocks> free_{{0, {}}};  // by arena
  std::int64_t arenas_ = 0;
  bool caching_ = true;
  MemoryStatistics statistics_;
  static inline thread_local std::int64_t arena_ = 0;  // 0: the shared pool
};

/// Memory for work that runs repeatedly at the same addresses: that of a captured graph. What a thread
/// allocates while it uses the arena comes from the arena and goes back to it; nobody else gets it.
class CudaArena {
 public:
  CudaArena() {
    auto& pool = MemoryPool<Cuda>::instance();
    const std::lock_guard lock(pool.mutex_);
    pool.release_free_blocks(0);  // from now on only the arena grows
    id_ = ++pool.arenas_;
    pool.free_[id_];
  }
  CudaArena(const CudaArena&) = delete;
  CudaArena& operator=(const CudaArena&) = delete;
  ~CudaArena() {
    auto& pool = MemoryPool<Cuda>::instance();
    const std::lock_guard lock(pool.mutex_);
    pool.release_free_blocks(id_);
    pool.free_.erase(id_);
  }

  /// While an object of this type lives, this thread allocates from the arena.
  class Use {
   public:
    explicit Use(const CudaArena& arena) : before_(std::exchange(MemoryPool<Cuda>::arena_, arena.id_)) {}
    /// Allocates from the shared pool, for what outlives every arena.
    Use() : before_(std::exchange(MemoryPool<Cuda>::arena_, 0)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { MemoryPool<Cuda>::arena_ = before_; }

   private:
    std::int64_t before_;
  };

 private:
  std::int64_t id_;
};

namespace detail {

template <class T>
__global__ void fill_kernel(T* to, std::int64_t count, T value) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) to[i] = value;
}

}  // namespace detail

template <>
struct MemoryTransfer<Cuda> {
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    PIXNERD_CUDA_CHECK("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda_stream()));
  }
  static void zero(void* to, std::size_t bytes) {
    if (bytes > 0) PIXNERD_CUDA_CHECK("zero", cudaMemsetAsync(to, 0, bytes, cuda_stream()));
  }
  template <class T>
  static void fill(T* to, std::int64_t count, T value) {
    launch("fill", detail::fill_kernel<T>, blocks_for(count, 256), 256, 0, to, count, value);
  }

  /// The host memory may be changed as soon as this returns. Waits for the copy, since some GPUs read any
  /// host memory directly.
  static void from_host(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    check_not_capturing("copy from the host");
    PIXNERD_CUDA_CHECK("copy from the host",
                       cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cuda_stream()));
    cuda_synchronize("copy from the host");
  }

  /// Waits for all earlier work.
  static void to_host(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    check_not_capturing("copy to the host");
    PIXNERD_CUDA_CHECK("copy to the host",
                       cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda_stream()));
    cuda_synchronize("copy to the host");
  }

 private:
  static void check_not_capturing(const char* op) {
    if (cuda_is_capturing()) {
      raise<CudaError>(op, "work that stays on the GPU, for it is captured to be repeated",
                       "a copy between it and the host");
    }
  }
};

/// Pinned host memory, which the GPU reads and writes directly, so copies do not block. It must not be
/// changed before the stream has completed the copy.
template <class T>
class PinnedBuffer {
 public:
  explicit PinnedBuffer(std::size_t count) : count_(count) {
    (void)cuda_stream();
    if (count > 0) PIXNERD_CUDA_CHECK("pinned memory", cudaMallocHost(&data_, count * sizeof(T)));
  }
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~PinnedBuffer() {
    if (data_ != nullptr) (void)cudaFreeHost(data_);
  }

  std::size_t size() const { return count_; }
  std::span<T> values() const { return {static_cast<T*>(data_), count_}; }

  /// Enqueues a copy of the first `count` values to the GPU.
  void send(T* to, std::size_t count) const {
    if (count == 0) return;
    PIXNERD_CUDA_CHECK("copy from the host",
                       cudaMemcpyAsync(to, data_, count * sizeof(T), cudaMemcpyHostToDevice, cuda_stream()));
  }

  /// Enqueues a copy of `count` values from the GPU into the first ones.
  void receive(const T* from, std::size_t count) {
    if (count == 0) return;
    PIXNERD_CUDA_CHECK("copy to the host", cudaMemcpyAsync(data_, from, count * sizeof(T),
                                                           cudaMemcpyDeviceToHost, cuda_stream()));
  }

 private:
  void* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace pixnerd
