// SPDX-License-Identifier: MIT
/// \file
/// Runs CUDA kernels on the CPU, so that all of them are tested without a GPU.
///
/// The threads of a block are fibers on one CPU thread; barriers and warp functions are rendezvous of fibers.
/// Blocks run on all processors in any order. What a GPU would silently get wrong is detected here: a barrier
/// that some threads of a block never reach is an error; shared and global memory holds NaN until it is
/// written; writes beyond the end of memory are found when it is freed. Threads run from the first to the
/// last, and asynchronous copies arrive as late as possible. With PIXNERD_EMULATION_ORDER=reverse they run
/// from the last to the first, and copies arrive at once. A missing barrier, or a copy into memory that
/// others still read, shows in at least one of the two orders. Nothing here is fast.
#pragma once

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace emulation {

inline constexpr unsigned lanes = 32;

/// How deep this thread is inside the emulator. Tests that make the library's allocations fail spare those
/// made here.
inline thread_local int depth = 0;
struct Inside {
  Inside() { ++depth; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { --depth; }
};

/// Counts arrivals; the last one releases all.
struct Rendezvous {
  unsigned arrived = 0;
  std::uint64_t generation = 0;
};

struct Warp {
  Rendezvous meeting;
  unsigned live = 0;
  unsigned exited_mask = 0;
  std::array<std::array<unsigned char, 64>, 2 * lanes> slots;  // two sets, used in turn
};

struct Block;

/// A pending copy of 16 bytes into shared memory; zeros if the source is null.
struct Copy {
  void* to;
  const void* from;
};

struct Thread {
  uint3 index;
  std::vector<Copy> copies;               // of the open group
  std::vector<std::vector<Copy>> groups;  // closed, oldest first
  unsigned linear = 0;
  bool finished = false;
  boost::context::fiber fiber;   // where the thread continues
  boost::context::fiber caller;  // the scheduler
};

struct Block {
  dim3 grid, size;
  uint3 index;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Rendezvous barrier;
  unsigned live = 0;
  std::uint64_t progress = 0;
  std::vector<unsigned char> shared;
  std::exception_ptr error;
};

inline thread_local Block* current_block = nullptr;
inline thread_local Thread* current_thread = nullptr;

inline void yield() {
  Thread* const self = current_thread;
  self->caller = std::move(self->caller).resume();
  current_thread = self;
}

/// Waits until `expected()` threads have arrived.
template <class Expected>
void meet(Rendezvous& meeting, Expected expected) {
  const std::uint64_t generation = meeting.generation;
  ++meeting.arrived;
  ++current_block->progress;
  for (;;) {
    if (meeting.generation != generation) return;
    if (meeting.arrived >= expected()) {
      meeting.arrived = 0;
      ++meeting.generation;
      ++current_block->progress;
      return;
    }
    yield();
  }
}

inline Warp& current_warp() {
  return current_block->warps[current_thread->linear / lanes];
}

/// Every thread of the warp passes a value and gets those of all lanes.
template <class T, class Use>
auto with_warp(unsigned mask, const T& value, Use use) {
  static_assert(sizeof(T) <= 64);
  Warp& warp = current_warp();
  const unsigned lane = current_thread->linear % lanes;
  const auto set = static_cast<unsigned>(warp.meeting.generation % 2) * lanes;
  std::memcpy(warp.slots[set + lane].data(), &value, sizeof(T));
  meet(warp.meeting, [&] { return static_cast<unsigned>(__builtin_popcount(mask & ~warp.exited_mask)); });
  return use([&warp, set](unsigned from) {
    T out;
    std::memcpy(&out, warp.slots[set + from % lanes].data(), sizeof(T));
    return out;
  });
}

inline bool runs_in_reverse() {
  static const bool reverse = [] {
    const char* order = std::getenv("PIXNERD_EMULATION_ORDER");
    return order != nullptr && std::string(order) == "reverse";
  }();
  return reverse;
}

inline void arrive(const Copy& copy) {
  if (copy.from == nullptr) {
    std::memset(copy.to, 0, 16);
  } else {
    std::memcpy(copy.to, copy.from, 16);
  }
}

/// Lets the oldest groups of copies arrive until `pending` are left.
inline void wait_copies(std::size_t pending) {
  auto& groups = current_thread->groups;
  while (groups.size() > pending) {
    for (const Copy& copy : groups.front()) arrive(copy);
    groups.erase(groups.begin());
  }
}

inline void run_block(Block& block, const std::function<void()>& body,
                      boost::context::pooled_fixedsize_stack& stacks) {
  const unsigned count = block.size.x * block.size.y * block.size.z;
  block.threads = std::vector<Thread>(count);
  block.warps = std::vector<Warp>((count + lanes - 1) / lanes);
  block.live = count;
  for (unsigned i = 0; i < count; ++i) {
    Thread& thread = block.threads[i];
    thread.linear = i;
    thread.index = {i % block.size.x, i / block.size.x % block.size.y, i / block.size.x / block.size.y};
    ++block.warps[i / lanes].live;
    thread.fiber = boost::context::fiber(std::allocator_arg, stacks,
                                         [&block, &thread, &body](boost::context::fiber&& caller) {
                                           thread.caller = std::move(caller);
                                           try {
                                             body();
                                           } catch (const boost::context::detail::forced_unwind&) {
                                             throw;
                                           } catch (...) {
                                             block.error = std::current_exception();
                                           }
                                           thread.finished = true;
                                           --block.live;
                                           ++block.progress;
                                           Warp& warp = block.warps[thread.linear / lanes];
                                           --warp.live;
                                           warp.exited_mask |= 1u << thread.linear % lanes;
                                           return std::move(thread.caller);
                                         });
  }
  for (Warp& warp : block.warps) {
    if (warp.live < lanes) warp.exited_mask = ~((1u << warp.live) - 1);
  }
  current_block = &block;
  while (block.live > 0) {
    const std::uint64_t before = block.progress;
    for (unsigned i = 0; i < count; ++i) {
      Thread& thread = block.threads[runs_in_reverse() ? count - 1 - i : i];
      if (thread.finished) continue;
      current_thread = &thread;
      thread.fiber = std::move(thread.fiber).resume();
      if (block.error) std::rethrow_exception(block.error);
    }
    if (block.progress == before) {
      throw std::runtime_error("emulated kernel: some threads wait at a barrier that others never reach");
    }
  }
}

/// Runs body() for every thread of every block.
inline void run_grid(dim3 grid, dim3 size, std::size_t shared_bytes, const std::function<void()>& body) {
  const std::int64_t blocks = std::int64_t{grid.x} * grid.y * grid.z;
  pixnerd::parallel_for(blocks, [&](std::int64_t b) {
    const Inside inside;
    thread_local boost::context::pooled_fixedsize_stack stacks(128 * 1024, 64);
    Block block;
    block.grid = grid;
    block.size = size;
    block.index = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                   static_cast<unsigned>(b / grid.x / grid.y)};
    block.shared.assign(shared_bytes + 64, 0xff);
    run_block(block, body, stacks);
    for (std::size_t i = shared_bytes; i < shared_bytes + 32; ++i) {
      if (block.shared[i] != 0xff)
        throw std::runtime_error("emulated kernel: written beyond the end of shared memory");
    }
  });
}

}  // namespace emulation
