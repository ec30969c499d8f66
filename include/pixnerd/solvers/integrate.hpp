// SPDX-License-Identifier: MIT
/// \file
/// Solving dx/dt = field(x, t) from noise to data, with any stepper over any velocity field.
#pragma once

#include <functional>
#include <type_traits>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/solvers/stepper.hpp>

namespace pixnerd {

/// Options of integrate().
struct IntegrateOptions {
  /// Keep every point and velocity, not only the last point.
  bool keep_trajectory = false;
  /// Called after every step with the number of steps taken and their total; false stops there.
  std::function<bool(int step, int steps)> progress = {};
};

/// What integrate() found.
template <class T, class Device>
struct Solution {
  Tensor<T, Device> x;                ///< the point where it ended
  int steps = 0;                      ///< steps taken
  bool completed = false;             ///< false when progress stopped it before the end of the grid
  std::vector<Tensor<T, Device>> xs;  ///< with keep_trajectory: the start, then the point after each step
  std::vector<Tensor<T, Device>> vs;  ///< with keep_trajectory: the velocity of each step
};

/// Follows `field` along `grid`, starting from `noise` at the grid's first time. Nothing is recorded on a
/// tape.
///
///   const auto images = integrate(Euler{}, field, noise, TimeGrid(100)).x;
///
/// Throws ShapeError when the field gives a velocity of another shape than its point.
template <class S, class T, class Device, class Field>
Solution<T, Device> integrate(const S& stepper, Field&& field, const Tensor<T, Device>& noise,
                              const TimeGrid& grid, const IntegrateOptions& options = {}) {
  static_assert(Stepper<S>,
                "integrate needs a stepper: a type with the member step(field, x, grid, i, carried) that "
                "solvers/stepper.hpp describes, such as Euler or Heun");
  static_assert(VelocityField<std::remove_reference_t<Field>, T, Device>,
                "integrate needs a velocity field: a callable field(x, t) of a tensor like the noise and a "
                "double, which returns a tensor of the same type");
  const NoGrad no_grad;
  Solution<T, Device> out;
  out.x = noise;
  if (options.keep_trajectory) out.xs.push_back(out.x);
  std::vector<Tensor<T, Device>> carried;
  for (int i = 0; i < grid.steps(); ++i) {
    auto [x, v] = stepper.step(field, out.x, grid, i, carried);
    out.x = x;
    out.steps = i + 1;
    if (options.keep_trajectory) {
      out.xs.push_back(x);
      out.vs.push_back(v);
    }
    if (options.progress && !options.progress(out.steps, grid.steps())) break;
  }
  out.completed = out.steps == grid.steps();
  return out;
}

}  // namespace pixnerd
