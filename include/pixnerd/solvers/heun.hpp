// SPDX-License-Identifier: MIT
/// \file
/// Heun's method, exact and with reused velocities.
#pragma once

#include <vector>

#include <pixnerd/ops/weighted_sum.hpp>
#include <pixnerd/solvers/stepper.hpp>

namespace pixnerd {

/// The mean of a predicting velocity, at the start of the step, and a correcting one, at the point it
/// predicts; the last step has no corrector. Of order 2. The published sampler guides at every time, whatever
/// the interval: give it a field with Guidance::at_all_times() to equal it.
///
/// Exact, it evaluates the field 2 N - 1 times in N steps. With `reuse`, each corrector's velocity is the
/// next step's predictor: N evaluations, and a larger error. Source: HeunSampler in sampling.py,
/// MCG-NJU/PixNerd@6da060b.
struct Heun {
  bool reuse = false;

  template <class T, class Device, VelocityField<T, Device> Field>
  SolverStep<T, Device> step(Field& field, const Tensor<T, Device>& x, const TimeGrid& grid, int i,
                             std::vector<Tensor<T, Device>>& carried) const {
    const double dt = grid.width(i);
    const auto predictor = carried.empty() ? velocity_at(field, x, grid.time(i)) : carried.front();
    const auto predicted = weighted_sum<T, Device>({{1.0, x}, {dt, predictor}});
    if (grid.is_last(i)) return {predicted, predictor};
    const auto corrector = velocity_at(field, predicted, grid.time(i + 1));
    if (reuse) carried.assign(1, corrector);
    const auto v = weighted_sum<T, Device>({{0.5, predictor}, {0.5, corrector}});
    return {weighted_sum<T, Device>({{1.0, x}, {dt, v}}), v};
  }
};

static_assert(Stepper<Heun>);

}  // namespace pixnerd
