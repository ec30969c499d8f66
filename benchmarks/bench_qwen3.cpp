// SPDX-License-Identifier: MIT
/// \file
/// One forward pass of Qwen3-1.7B, the published size, with random weights in bfloat16: seconds and memory.
///
///     bench_qwen3 [TOKENS]     128 unless given
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <pixnerd/encoders/qwen3.hpp>

namespace {

double seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// The most memory that this process has had, GiB.
double peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

}  // namespace

int main(int count, char** arguments) {
  using namespace pixnerd;
  const std::int64_t tokens = count > 1 ? std::strtoll(arguments[1], nullptr, 10) : 128;
  const double begin = seconds();
  Initializer init(0);
  const Qwen3<On<Cpu, Mixed>> model(Qwen3Config{}, init);
  std::printf("%lld parameters, made in %.1f s, %.2f GiB\n", static_cast<long long>(parameter_count(model)),
              seconds() - begin, peak());
  std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i * 7919 % 151936);
  const auto text_ids = Tensor<std::int64_t>::from_host({1, tokens}, ids);
  for (int run = 0; run < 2; ++run) {
    const double start = seconds();
    const auto hidden = model.forward(text_ids).to_host();
    double sum = 0;
    for (const float value : hidden) sum += double(value) * double(value);
    std::printf("%lld tokens forward in %.2f s, root mean square of the states %.4f, at most %.2f GiB\n",
                static_cast<long long>(tokens), seconds() - start,
                std::sqrt(sum / static_cast<double>(hidden.size())), peak());
  }
  return 0;
}
