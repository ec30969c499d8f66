// SPDX-License-Identifier: MIT
/// \file
/// Comparing tensors with expected ones, and remembering the worst.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include <pixnerd/core/error.hpp>

namespace pixnerd::program {

/// |ours - theirs| / |theirs| in L2 norms, summed in float64; where theirs is zero, |ours|. NaN when either
/// holds NaN. Throws ShapeError when they are of different lengths.
template <class A, class B>
double relative_error(std::span<const A> ours, std::span<const B> theirs, const std::string& name) {
  if (ours.size() != theirs.size()) {
    raise<ShapeError>("verify", str_cat(theirs.size(), " elements of ", name), str_cat(ours.size()));
  }
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double a = static_cast<double>(ours[i]), b = static_cast<double>(theirs[i]);
    difference += (a - b) * (a - b);
    norm += b * b;
  }
  return std::sqrt(difference) / (norm > 0 ? std::sqrt(norm) : 1.0);
}

/// The outcome of all comparisons of a file.
class Comparison {
 public:
  /// Takes in the error of one tensor and what it may be; 0 where it must be equal.
  void add(const std::string& name, double error, double tolerance) {
    ++count_;
    const double share = error == 0             ? 0
                         : std::isfinite(error) ? error / tolerance
                                                : std::numeric_limits<double>::infinity();
    if (share <= worst_share_) return;
    worst_share_ = share;
    worst_name_ = name;
    worst_error_ = error;
    worst_tolerance_ = tolerance;
  }

  bool passed() const { return count_ > 0 && worst_share_ <= 1; }
  std::int64_t count() const { return count_; }

  /// The tensor whose error is the largest part of what it may be.
  const std::string& worst_name() const { return worst_name_; }
  double worst_error() const { return worst_error_; }
  double worst_tolerance() const { return worst_tolerance_; }

 private:
  std::int64_t count_ = 0;
  double worst_share_ = -1;
  std::string worst_name_;
  double worst_error_ = 0;
  double worst_tolerance_ = 0;
};

}  // namespace pixnerd::program
