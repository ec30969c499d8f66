/// \file
/// How far a training run is, in the numbers that a step needs and advances: random numbers are functions of the seed and
/// the step, and the data's position is the number of samples served.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pixnerd {

/// A mean that forgets: of all values while they are few, m <- m + (x - m) / min(count, 50) from then on.
struct RunningMean {
  double mean = 0;         ///< 0 before the first value
  std::int64_t count = 0;  ///< values that it was given

  void add(double value) {
    constexpr std::int64_t horizon = 50;
    ++count;
    mean += (value - mean) / static_cast<double>(std::min(count, horizon));
  }
  bool operator==(const RunningMean&) const = default;
};

struct TrainProgress {
  std::int64_t step = 0;     ///< steps done
  std::int64_t samples = 0;  ///< samples served, those of all steps
  std::uint64_t seed = 0;    ///< of noise, times and label dropout
  std::int64_t skipped = 0;  ///< of the steps, those that changed nothing; see TrainOptions::skip_outliers
  RunningMean loss{};        ///< of the steps that were not skipped
  RunningMean grad_norm{};   ///< of all steps, before clipping; what is an outlier counts as the limit
};

/// Steps are the 32-bit counters of the random numbers.
inline constexpr std::int64_t most_steps = 0xffffffff;

}  // namespace pixnerd
