// SPDX-License-Identifier: MIT
/// \file
/// What is kept and told of the steps of a run while it goes on.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/train/metrics.hpp>
#include <pixnerd/train/train_step.hpp>

#include "progress.hpp"
#include "train/settings.hpp"

namespace pixnerd::program {

/// The rows of metrics.csv, a line of progress, and notes.
class RunRecord {
 public:
  /// Begins metrics.csv at `path`, or continues it after step `resumed_step`, and tells when rows before it
  /// are gone. Throws FileError.
  RunRecord(const std::string& path, std::int64_t resumed_step, const TrainSettings& settings, bool aligned)
      : settings_(settings),
        aligned_(aligned),
        metrics_(path, resumed_step, aligned),
        seconds_(metrics_.seconds()) {
    const std::int64_t lost = resumed_step - static_cast<std::int64_t>(rows().size());
    if (lost > 0) {
      progress_.note(str_cat("of the ", resumed_step, " steps before, '", path, "' lacks ", lost,
                             ": the curve and the time spent go on without them"));
    }
  }

  /// Takes in a step, and shows now and then how far the run is.
  void add(const StepReport& report, double alignment) {
    const auto batch = static_cast<double>(settings_.batch * settings_.accumulate);
    // The average of times, not of rates, tells how long the rest takes.
    const double step_seconds = step_seconds_.add(batch / report.samples_per_second);
    seconds_ += batch / report.samples_per_second;
    loss_.add(report.loss);
    alignment_.add(alignment);
    metrics_.add({report.step, report.loss, report.grad_norm, report.rate, report.samples_per_second,
                  seconds_, alignment});
    if (report.skipped) {
      progress_.note(str_cat("step ", report.step, " is skipped: the norm of its gradient is ",
                             number_text(report.grad_norm), ", and ", number_text(report.norm_limit),
                             " is the limit (--skip-outliers ", settings_.skip_outliers, ")"));
    }
    if (progress_.due()) {
      progress_.show(str_cat("step ", report.step, " of ", settings_.steps, ", ", losses(), ", ",
                             number_text(batch / step_seconds), " images/s, ",
                             duration_text(step_seconds * static_cast<double>(settings_.steps - report.step)),
                             " left"));
    }
  }

  /// The averages of the last steps, for people.
  std::string losses() const {
    std::string out = str_cat("loss ", number_text(loss_.value()));
    if (aligned_) out += str_cat(", alignment ", number_text(alignment_.value()));
    return out;
  }

  const std::vector<MetricsRow>& rows() const { return metrics_.rows(); }

  /// Spent training since the run began, pauses left out.
  double seconds() const { return seconds_; }

  /// Draws or writes what the run can go on without: that it failed is told, the same only once.
  template <class Write>
  void try_to(Write write) {
    try {
      write();
    } catch (const std::exception& error) {
      tell_failure(error);
    }
  }

  void tell_failure(const std::exception& error) {
    const std::string said = error.what();
    if (std::exchange(told_, said) != said) progress_.note(str_cat("the run goes on, but: ", said));
  }

  /// Whether rows have waited for a few seconds.
  bool flush_is_due() const { return since_flush_.seconds() > 5; }

  /// Brings the rows into the file, or tells why not.
  void flush() {
    try_to([&] { metrics_.flush(); });
    since_flush_ = {};
  }

  /// Ends the line of progress and brings all rows into the file. Throws FileError.
  void finish() {
    progress_.end_line();
    metrics_.flush();
  }

 private:
  const TrainSettings& settings_;
  bool aligned_;
  MetricsWriter metrics_;
  double seconds_;
  Progress progress_;
  Smoothed loss_, alignment_, step_seconds_;
  Stopwatch since_flush_;
  std::string told_;
};

}  // namespace pixnerd::program
