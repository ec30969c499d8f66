// SPDX-License-Identifier: MIT
// Training in bfloat16 against float32 on the CPU, which computes in float32 and rounds: bench_precision
// [STEPS].
#include <pixnerd/pixnerd.hpp>

#include "precision_curves.hpp"

using namespace pixnerd;

int main(int count, char** arguments) {
  const std::int64_t steps = count > 1 ? std::atoll(arguments[1]) : 500;
  const PixnerdC2iConfig config{.patch = 8,
                                .width = 96,
                                .heads = 4,
                                .depth = 4,
                                .decoder = {.depth = 2, .features = 16},
                                .classes = benchmark::curve_classes};
  return benchmark::compare_curves<Cpu>(config, std::max<std::int64_t>(steps, 5)) ? 0 : 1;
}
