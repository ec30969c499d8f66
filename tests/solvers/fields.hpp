// SPDX-License-Identifier: MIT
/// \file
/// Velocity fields with closed-form solutions, and the order with which a solver approaches them.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include <pixnerd/solvers/integrate.hpp>

namespace pixnerd::test {

/// dx/dt = x^2 cos(t), solved by x = 1 / (1 / x0 - sin t). Counts its evaluations.
struct CurvedField {
  int evaluations = 0;

  Tensor<double> operator()(const Tensor<double>& x, double t) {
    ++evaluations;
    auto values = x.to_host();
    for (double& value : values) value *= value * std::cos(t);
    return Tensor<double>::from_host(x.shape(), values);
  }

  static double solution(double x0, double t) { return 1.0 / (1.0 / x0 - std::sin(t)); }
};

/// `steps` steps from 0 to 1 whose widths grow from 1 / steps^2 on, so that the first steps of a multi-step
/// method, taken at lower order, cost no more than its other steps.
inline TimeGrid graded_grid(int steps) {
  std::vector<double> times;
  for (int i = 0; i <= steps; ++i) times.push_back(double(i) / steps * (double(i) / steps));
  return TimeGrid(times);
}

/// Error at t = 1 on a grid.
template <class S>
double error_on(const S& stepper, const TimeGrid& grid) {
  const std::vector<double> starts{0.5, -0.7, 0.9};
  CurvedField field;
  const auto x = integrate(stepper, field, Tensor<double>::from_host({3}, starts), grid).x.to_host();
  double error = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    error = std::max(error, std::abs(x[i] - CurvedField::solution(starts[i], 1)));
  }
  return error;
}

/// log2 of how much the error shrinks when there are twice as many steps.
template <class S, class Grid>
double order_of(const S& stepper, Grid grid, int steps = 640) {
  return std::log2(error_on(stepper, grid(steps)) / error_on(stepper, grid(2 * steps)));
}

inline TimeGrid even_grid(int steps) {
  return TimeGrid(steps);
}

}  // namespace pixnerd::test
