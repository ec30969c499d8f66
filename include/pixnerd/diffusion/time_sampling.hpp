// SPDX-License-Identifier: MIT
/// \file
/// The times at which training looks at the path, and the shift that training and sampling share.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/core/random.hpp>

namespace pixnerd {

/// Throws ValueError unless `shift` is finite and above 0.
inline void check_time_shift(double shift) {
  if (!(shift > 0) || !std::isfinite(shift))
    raise<ValueError>("time shift", "a finite number above 0", str_cat(shift));
}

/// t / (t + (1 - t) shift): moves times in [0, 1] toward the noise where shift > 1; 0 and 1 stay.
/// Source: FlowMatchingTrainer and time_shift_fn in training.py, MCG-NJU/PixNerd@6da060b.
inline double shift_time(double t, double shift) {
  return t / (t + (1.0 - t) * shift);
}

/// How training times are distributed before the shift.
enum class TimeDistribution {
  uniform,    ///< on [0, 1)
  log_normal  ///< sigmoid(z), z standard normal
};

/// The distribution of training times.
struct TimeSampling {
  TimeDistribution distribution = TimeDistribution::log_normal;
  double shift = 1;  ///< above 0
};

/// The shifted time of one sample in one training step, a pure function of its arguments: it depends neither
/// on the batch the sample is in nor on threads or devices. Throws ValueError when the shift is not a finite
/// number above 0. Source: FlowMatchingTrainer and time_shift_fn in training.py, MCG-NJU/PixNerd@6da060b.
inline double sample_time(const TimeSampling& sampling, std::uint64_t seed, std::uint32_t sample,
                          std::uint32_t step) {
  check_time_shift(sampling.shift);
  const RandomKey key{seed, RandomPurpose::time, sample, step};
  const double base = sampling.distribution == TimeDistribution::uniform
                          ? static_cast<double>(random_uniform(key))
                          : 1.0 / (1.0 + std::exp(-static_cast<double>(random_normal(key))));
  return shift_time(base, sampling.shift);
}

/// The times of a batch, one for each global sample index.
inline std::vector<double> sample_times(const TimeSampling& sampling, std::uint64_t seed,
                                        std::span<const std::uint32_t> samples, std::uint32_t step) {
  std::vector<double> times;
  times.reserve(samples.size());
  for (const auto sample : samples) times.push_back(sample_time(sampling, seed, sample, step));
  return times;
}

}  // namespace pixnerd
