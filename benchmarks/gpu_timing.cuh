// SPDX-License-Identifier: MIT
// Timing work on the GPU, and what memory it takes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <pixnerd/pixnerd.cuh>

namespace pixnerd::benchmark {

/// Half a second of calls, at least three, between two points in the order of the GPU's work, five times; the
/// median, in milliseconds a call.
template <class Work>
double milliseconds_of(Work&& work) {
  // Recordings are made in the third call.
  for (int i = 0; i < 4; ++i) work();
  cuda_synchronize("benchmark");
  CudaEvent begin, end;
  const auto run = [&](int calls) {
    begin.record();
    for (int i = 0; i < calls; ++i) work();
    end.record();
    end.synchronize("benchmark");
    return end.milliseconds_since(begin) / calls;
  };
  const int calls = std::clamp(static_cast<int>(500 / std::max(run(1), 1e-3)), 3, 2000);
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) times.push_back(run(calls));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/// Watches the memory of the GPU from its making on.
class MemoryWatch {
 public:
  MemoryWatch() {
    pool().trim();
    pool().reset_peak();
    before_ = pool().statistics().in_use;
  }

  /// The most that tensors used since then, in MiB.
  double peak() const { return static_cast<double>(pool().statistics().peak - before_) / (1 << 20); }

  /// What the pool holds for them, what is free in between and what recordings keep included, in MiB.
  double held() const { return static_cast<double>(pool().statistics().held) / (1 << 20); }

 private:
  static MemoryPool<Cuda>& pool() { return MemoryPool<Cuda>::instance(); }

  std::size_t before_ = 0;
};

/// A tensor of standard normal numbers, rounded to T.
template <class T>
Tensor<T, Cuda> random(const Shape& shape, std::uint32_t stream) {
  Tensor<float, Cuda> out(shape);
  fill_normal(out, {0, RandomPurpose::test, stream, 0});
  return cast<T>(out);
}

}  // namespace pixnerd::benchmark
