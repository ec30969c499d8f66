// SPDX-License-Identifier: MIT
/// \file
/// Adams-Bashforth methods on grids of any spacing.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include <pixnerd/ops/weighted_sum.hpp>
#include <pixnerd/solvers/stepper.hpp>

namespace pixnerd {

/// Weights c with which velocities known at `times` (at most four) give the mean velocity over [from, to]:
/// c_j is the mean there of the Lagrange polynomial that is 1 at times[j] and 0 at the others. They sum to 1.
///
/// Computed in float64: they are large numbers of both signs that cancel. Source: AdamLMSampler in
/// adam_sampling.py, MCG-NJU/PixNerd@6da060b.
inline std::vector<double> adams_coefficients(std::span<const double> times, double from, double to) {
  // The polynomials have degree 3 at most, and Gauss's rule with two nodes integrates those exactly.
  const double center = (from + to) / 2, offset = (to - from) / 2 * 0.57735026918962576451;
  std::vector<double> out(times.size());
  for (std::size_t j = 0; j < times.size(); ++j) {
    for (const double node : {center - offset, center + offset}) {
      double basis = 0.5;
      for (std::size_t k = 0; k < times.size(); ++k) {
        if (k != j) basis *= (node - times[k]) / (times[j] - times[k]);
      }
      out[j] += basis;
    }
  }
  return out;
}

/// The step takes the mean, over its width, of the polynomial through the last `order` velocities. At the
/// start, where fewer are known, the order rises 1, 2, …. One evaluation a step. Source: AdamLMSampler in
/// adam_sampling.py, MCG-NJU/PixNerd@6da060b.
class Adams {
 public:
  /// Throws ValueError unless 1 <= order <= 4.
  explicit Adams(int order) : order_(order) {
    if (order < 1 || order > 4) raise<ValueError>("Adams", "an order of 1 to 4", str_cat(order));
  }

  int order() const { return order_; }

  template <class T, class Device, VelocityField<T, Device> Field>
  SolverStep<T, Device> step(Field& field, const Tensor<T, Device>& x, const TimeGrid& grid, int i,
                             std::vector<Tensor<T, Device>>& carried) const {
    carried.push_back(velocity_at(field, x, grid.time(i)));
    if (static_cast<int>(carried.size()) > order_) carried.erase(carried.begin());
    const std::size_t known = carried.size();
    const auto times = std::span(grid.times()).subspan(static_cast<std::size_t>(i) + 1 - known, known);
    const auto coefficients = adams_coefficients(times, grid.time(i), grid.time(i + 1));
    std::vector<std::pair<double, Tensor<T, Device>>> terms;
    for (std::size_t j = 0; j < known; ++j) terms.emplace_back(coefficients[j], carried[j]);
    const auto v = weighted_sum<T, Device>(terms);
    return {weighted_sum<T, Device>({{1.0, x}, {grid.width(i), v}}), v};
  }

 private:
  int order_;
};

static_assert(Stepper<Adams>);

}  // namespace pixnerd
