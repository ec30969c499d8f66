// SPDX-License-Identifier: MIT
// Training in bfloat16 against float32 on the GPU, with the 5.7 M model: bench_precision_gpu [STEPS].
#include <pixnerd/pixnerd.cuh>

#include "precision_curves.hpp"

using namespace pixnerd;

int main(int count, char** arguments) {
  if (cuda_device_count() == 0) {
    std::puts("skipped: no CUDA device");
    return 1;
  }
  const std::int64_t steps = count > 1 ? std::atoll(arguments[1]) : 500;
  const PixnerdC2iConfig config{.patch = 8,
                                .width = 192,
                                .heads = 6,
                                .depth = 6,
                                .decoder = {.depth = 2, .features = 32},
                                .classes = benchmark::curve_classes};
  return benchmark::compare_curves<Cuda>(config, std::max<std::int64_t>(steps, 5)) ? 0 : 1;
}
