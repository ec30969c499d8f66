// SPDX-License-Identifier: MIT
/// \file
/// One thread pool for all parallel loops. Results never depend on its size: callers cut work into tiles by
/// shape alone, and each tile runs on one thread.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

namespace detail {

/// The number of processors this process may use, by its affinity mask and its cgroup's quota.
inline int available_processors() {
  int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
  long long quota = 0, period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(file, "%lld %lld", &quota, &period) != 2) quota = 0;  // "max" means no quota
    std::fclose(file);
  }
  if (quota > 0 && period > 0) count = std::clamp(static_cast<int>((quota + period - 1) / period), 1, count);
  return count;
}

class ThreadPool {
 public:
  static ThreadPool& instance() {
    static ThreadPool pool;
    return pool;
  }

  ~ThreadPool() { stop(); }

  int size() const { return size_.load(std::memory_order_relaxed); }

  void resize(int size) {
    if (size < 1) raise<ValueError>("set_thread_count", "at least 1 thread", std::to_string(size));
    if (inside_) raise<Error>("set_thread_count", "a call outside of parallel loops", "one inside");
    const std::lock_guard busy(busy_);
    stop();
    size_ = size;
  }

  /// Runs call(context, i) for every i in [0, count). The first exception is rethrown here.
  void run(std::int64_t count, void (*call)(void*, std::int64_t), void* context) {
    // A nested loop, or one started while another thread runs a loop, runs serially on its own thread.
    std::unique_lock busy(busy_, std::defer_lock);
    if (count <= 1 || size() == 1 || inside_ || !busy.try_lock()) {
      for (std::int64_t i = 0; i < count; ++i) call(context, i);
      return;
    }
    start();
    {
      const std::lock_guard lock(mutex_);
      call_ = call;
      context_ = context;
      count_ = count;
      next_ = 0;
      open_ = true;
      ++generation_;
    }
    wake_.notify_all();
    work();
    // Does not wait for workers that have not woken up yet: nothing is left for them.
    std::unique_lock lock(mutex_);
    open_ = false;
    if (working_ > 0) {
      lock.unlock();
      spin_until([this] { return working_ == 0; });
      lock.lock();
      done_.wait(lock, [this] { return working_ == 0; });
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  ThreadPool() : size_(available_processors()) {}

  /// Starts the missing workers. If the system refuses to create more threads, the existing ones do the work.
  void start() {
    try {
      while (static_cast<int>(workers_.size()) + 1 < size()) start_one();
    } catch (const std::exception&) {
    }
  }

  void start_one() {
    workers_.emplace_back([this, seen = generation_.load()]() mutable {
      for (;;) {
        spin_until([&] { return stopping_ || generation_ != seen; });
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        if (!open_) continue;
        ++working_;
        lock.unlock();
        work();
        lock.lock();
        if (--working_ == 0) done_.notify_one();
      }
    });
  }

  /// Loops follow each other closely, and waking a sleeping thread takes longer than many loops do. So
  /// threads poll for a while before they sleep, and yield the processor meanwhile.
  template <class Condition>
  static void spin_until(Condition condition) {
    for (int i = 0; i < 200 && !condition(); ++i) std::this_thread::yield();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
    workers_.clear();
    stopping_ = false;
  }

  void work() {
    inside_ = true;
    for (std::int64_t i = next_++; i < count_; i = next_++) {
      try {
        call_(context_, i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        next_ = count_;
      }
    }
    inside_ = false;
  }

  std::atomic<int> size_;
  std::mutex busy_;  // held while a loop runs
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> generation_ = 0;  // counts loops
  std::atomic<int> working_ = 0;               // workers inside the current loop
  bool open_ = false;                          // whether workers may still join it
  void (*call_)(void*, std::int64_t) = nullptr;
  void* context_ = nullptr;
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr error_;
  static inline thread_local bool inside_ = false;
};

}  // namespace detail

/// The number of threads of parallel loops. Default: the number of processors this process may use.
inline int thread_count() {
  return detail::ThreadPool::instance().size();
}

/// Sets the number of threads of parallel loops. No result depends on it. Throws ValueError below 1, and
/// Error inside a parallel loop.
inline void set_thread_count(int count) {
  detail::ThreadPool::instance().resize(count);
}

/// Runs body(i) for every i in [0, count) on the pool. No call may depend on another. Nested loops run
/// serially. The first exception thrown by a body is rethrown.
template <class Body>
void parallel_for(std::int64_t count, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::ThreadPool::instance().run(
      count, [](void* context, std::int64_t i) { (*static_cast<Plain*>(context))(i); },
      const_cast<std::remove_const_t<Plain>*>(&body));
}

/// Cuts [0, count) into ranges of `grain` (the last may be shorter) and runs body(begin, end) for each.
template <class Body>
void parallel_ranges(std::int64_t count, std::int64_t grain, Body&& body) {
  const std::int64_t tiles = (count + grain - 1) / grain;
  parallel_for(tiles, [&](std::int64_t tile) {
    const std::int64_t begin = tile * grain;
    body(begin, std::min(begin + grain, count));
  });
}

}  // namespace pixnerd
