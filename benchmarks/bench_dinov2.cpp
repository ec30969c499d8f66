// SPDX-License-Identifier: MIT
// One forward of a DINOv2-B/14 with random weights on the CPU: seconds for each image and the most memory
// that it took.
//
//   bench_dinov2 [SIDE=256] [BATCH=1] [RUNS=3] [THREADS=all]
//
// SIDE is that of the images that a model with patches of 16 is trained on; DINOv2 sees 14 of every 16
// pixels.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/ops/random_fill.hpp>

using namespace pixnerd;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class Policy>
void measure(const char* name, std::int64_t side, std::int64_t batch, int runs) {
  Initializer init(0);
  const double start = now();
  const Dinov2Encoder<Policy> encoder(Dinov2<Policy>(Dinov2Config{}, init));
  const double built = now() - start;
  Tensor<float> images({batch, 3, side, side});
  fill_uniform(images, {1, RandomPurpose::test, 0, 0});
  std::vector<double> seconds;
  std::int64_t tokens = 0;
  for (int run = 0; run <= runs; ++run) {
    const double before = now();
    tokens = encoder.features(images).size(1);
    if (run > 0) seconds.push_back(now() - before);  // the first warms up
  }
  std::sort(seconds.begin(), seconds.end());
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "%-9s %lld parameters, built in %.2f s; %lld x %lld tokens: %.3f s (median of %d), at most %.2f GiB\n",
      name, static_cast<long long>(parameter_count(encoder.model())), built, static_cast<long long>(batch),
      static_cast<long long>(tokens), seconds[seconds.size() / 2], runs,
      static_cast<double>(usage.ru_maxrss) / (1 << 20));
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, int fallback) {
    return argc > i ? std::max(1, std::atoi(argv[i])) : fallback;
  };
  const int side = argument(1, 256), batch = argument(2, 1), runs = argument(3, 3);
  if (argc > 4) set_thread_count(argument(4, 1));
  std::printf("%d threads\n", thread_count());
  try {
    measure<On<Cpu>>("float32", side, batch, runs);
    measure<On<Cpu, Mixed>>("Mixed", side, batch, runs);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_dinov2: %s\n", error.what());
    return 1;
  }
}
