// SPDX-License-Identifier: MIT
/// \file
/// Euler's method.
#pragma once

#include <vector>

#include <pixnerd/ops/weighted_sum.hpp>
#include <pixnerd/solvers/stepper.hpp>

namespace pixnerd {

/// x + v dt, of order 1. One evaluation a step. Source: EulerSampler in sampling.py, MCG-NJU/PixNerd@6da060b.
struct Euler {
  template <class T, class Device, VelocityField<T, Device> Field>
  SolverStep<T, Device> step(Field& field, const Tensor<T, Device>& x, const TimeGrid& grid, int i,
                             std::vector<Tensor<T, Device>>&) const {
    const auto v = velocity_at(field, x, grid.time(i));
    return {weighted_sum<T, Device>({{1.0, x}, {grid.width(i), v}}), v};
  }
};

static_assert(Stepper<Euler>);

}  // namespace pixnerd
