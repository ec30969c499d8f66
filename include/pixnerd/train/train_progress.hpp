// SPDX-License-Identifier: MIT
/// \file
/// How far a training run is: the numbers that a step reads and advances. Random numbers are functions of
/// seed and step, and the position in the data is the number of samples served, so no generator needs saving.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pixnerd {

/// A running mean that forgets: the mean of all values up to the 50th, exponential from then on.
///
///   m <- m + (x - m) / min(count, 50)
struct RunningMean {
  double mean = 0;         ///< 0 before the first value
  std::int64_t count = 0;  ///< number of values added

  void add(double value) {
    constexpr std::int64_t horizon = 50;
    ++count;
    mean += (value - mean) / static_cast<double>(std::min(count, horizon));
  }
  bool operator==(const RunningMean&) const = default;
};

/// Where a training run stands.
struct TrainProgress {
  std::int64_t step = 0;     ///< steps done
  std::int64_t samples = 0;  ///< samples served in all steps
  std::uint64_t seed = 0;    ///< of noise, times and label dropout
  std::int64_t skipped = 0;  ///< steps that changed nothing, out of `step`; see TrainOptions::skip_outliers
  RunningMean loss{};        ///< of the steps that were not skipped
  RunningMean grad_norm{};   ///< of all steps, before clipping; an outlier enters as the limit
};

/// The largest step: random numbers have 32-bit step counters.
inline constexpr std::int64_t most_steps = 0xffffffff;

}  // namespace pixnerd
