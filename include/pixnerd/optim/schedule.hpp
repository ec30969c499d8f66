/// \file
/// Learning rates as functions of the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace pixnerd {

/// Rises linearly over the first `warmup` steps, min(1, step / warmup), then stays: a factor of the base
/// rate. Steps count from 1, so that no step has the rate zero.
inline double constant_rate(std::int64_t step, std::int64_t warmup) {
  return step < warmup ? static_cast<double>(step) / static_cast<double>(warmup) : 1.0;
}

/// The same rise, then half a cosine from 1 down to `floor`, which the step after the last of `total` would
/// have: floor + (1 - floor) (1 + cos(pi p)) / 2 with p = (step - 1 - warmup) / (total - warmup).
inline double cosine_rate(std::int64_t step, std::int64_t warmup, std::int64_t total, double floor = 0) {
  if (step <= warmup) return constant_rate(step, warmup);
  const double done = static_cast<double>(step - 1 - warmup);
  const double all = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  const double p = std::min(1.0, done / all);
  return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * p));
}

}  // namespace pixnerd
