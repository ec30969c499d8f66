// SPDX-License-Identifier: MIT
/// \file
/// Learning rate schedules.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace pixnerd {

/// Linear warmup over the first `warmup` steps, then constant:
///
///   min(1, step / warmup)
///
/// a factor of the base learning rate, in (0, 1]. Steps count from 1, so no step has the rate zero.
inline double constant_rate(std::int64_t step, std::int64_t warmup) {
  return step < warmup ? static_cast<double>(step) / static_cast<double>(warmup) : 1.0;
}

/// The same warmup, then half a cosine from 1 down to `floor`:
///
///   floor + (1 - floor) (1 + cos(pi p)) / 2   with   p = (step - 1 - warmup) / (total - warmup)
///
/// The step after the last of `total` would have the factor `floor`.
inline double cosine_rate(std::int64_t step, std::int64_t warmup, std::int64_t total, double floor = 0) {
  if (step <= warmup) return constant_rate(step, warmup);
  const double done = static_cast<double>(step - 1 - warmup);
  const double all = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  const double p = std::min(1.0, done / all);
  return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * p));
}

}  // namespace pixnerd
