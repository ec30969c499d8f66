// SPDX-License-Identifier: MIT
/// \file
/// The times a solver visits.
#pragma once

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <pixnerd/diffusion/time_sampling.hpp>

namespace pixnerd {

/// Increasing times; the solver takes one step between each two neighbors. Kept in float64, although models
/// see float32: the coefficients of multi-step methods depend on small differences.
class TimeGrid {
 public:
  /// The published grid from noise to data: linspace(0, 1 - last_step, steps) followed by 1, each time
  /// shifted as in training. `last_step`, the width of the last step before the shift, is 1 / steps unless
  /// given; a single step always goes from 0 to 1. Throws ValueError unless steps >= 1, shift is finite and
  /// above 0, 0 < last_step < 1, and the shift leaves the times apart. Source: EulerSampler and
  /// shift_respace_fn in sampling.py, MCG-NJU/PixNerd@6da060b.
  explicit TimeGrid(int steps, double shift = 1, std::optional<double> last_step = {}) {
    if (steps < 1) raise<ValueError>("time grid", "at least 1 step", str_cat(steps));
    check_time_shift(shift);
    if (last_step && !(*last_step > 0 && *last_step < 1)) {
      raise<ValueError>("time grid", "a last step above 0 and below 1", str_cat(*last_step));
    }
    const double end = 1.0 - last_step.value_or(1.0 / steps);
    for (int i = 0; i < steps; ++i) times_.push_back(shift_time(i == 0 ? 0.0 : end * i / (steps - 1), shift));
    times_.push_back(1.0);
    check_increasing();
  }

  /// Any times. Throws ValueError unless there are at least two, finite and strictly increasing.
  explicit TimeGrid(std::vector<double> times) : times_(std::move(times)) {
    if (times_.size() < 2) raise<ValueError>("time grid", "at least 2 times", str_cat(times_.size()));
    check_increasing();
  }

  /// The part of the grid from `start` on: for a point that is noised only so far, see flow_sample().
  /// Throws ValueError unless the grid's first time <= start < its last.
  TimeGrid from(double start) const {
    if (!(start >= times_.front() && start < times_.back())) {
      raise<ValueError>("time grid",
                        str_cat("a start of at least ", times_.front(), " and below ", times_.back()),
                        str_cat(start));
    }
    std::vector<double> rest{start};
    for (const double t : times_) {
      if (t > start) rest.push_back(t);
    }
    return TimeGrid(std::move(rest));
  }

  int steps() const { return static_cast<int>(times_.size()) - 1; }

  /// The time at which step i starts; time(steps()) is the end.
  double time(int i) const { return times_[static_cast<std::size_t>(i)]; }

  /// The width of step i.
  double width(int i) const { return time(i + 1) - time(i); }

  bool is_last(int i) const { return i + 1 == steps(); }

  const std::vector<double>& times() const { return times_; }

 private:
  void check_increasing() const {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (!std::isfinite(times_[i]) || (i > 0 && !(times_[i] > times_[i - 1]))) {
        raise<ValueError>("time grid", "finite times, each above the one before",
                          str_cat(times_[i], " at position ", i));
      }
    }
  }

  std::vector<double> times_;
};

}  // namespace pixnerd
