// SPDX-License-Identifier: MIT
// One forward pass of the published text-to-image model, PixNerd-XXL/16 with 128 text tokens, with random
// weights on the CPU. Prints one line: parameters, seconds to build, seconds of the forward pass, peak
// memory.
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/ops/random_fill.hpp>

using namespace pixnerd;

int main(int argc, char** argv) {
  const std::int64_t size = argc > 1 ? std::atoll(argv[1]) : 512;
  using clock = std::chrono::steady_clock;
  const auto seconds_since = [](clock::time_point start) {
    return std::chrono::duration<double>(clock::now() - start).count();
  };
  auto start = clock::now();
  Initializer init(1);
  const PixnerdT2i<On<Cpu>> model(PixnerdT2iConfig::extra_extra_large(), init);
  // The head is zero at first.
  for_each_parameter(model, [](const std::string& name, const Tensor<float>& parameter) {
    if (name.starts_with("final_layer.")) fill_normal(parameter, {1, RandomPurpose::test, 0, 0});
  });
  const double building = seconds_since(start);

  const Tensor<float> x({1, 3, size, size}), words({1, 128, 2048});
  fill_normal(x, {1, RandomPurpose::noise, 0, 0});
  fill_normal(words, {1, RandomPurpose::test, 1, 0});
  start = clock::now();
  const auto v = model.forward(x, Tensor<float>::full({1}, 0.5f), words);
  const double forward = seconds_since(start);
  double square = 0;
  for (const float value : v.to_host()) square += static_cast<double>(value) * value;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("parameters %lld  size %lld  build_seconds %.1f  forward_seconds %.1f  peak_mb %ld  rms %.4f\n",
              static_cast<long long>(parameter_count(model)), static_cast<long long>(size), building, forward,
              usage.ru_maxrss / 1024, std::sqrt(square / static_cast<double>(v.count())));
  return std::isfinite(square) ? 0 : 1;
}
