// SPDX-License-Identifier: MIT
/// \file
/// Euler steps of the stochastic equation that has the same marginals as the flow.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <pixnerd/diffusion/path.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/ops/weighted_sum.hpp>
#include <pixnerd/solvers/stepper.hpp>

namespace pixnerd {

/// What the noise of a full step depends on beside the step: the same sample draws the same numbers in
/// whatever batch.
struct SdeNoise {
  std::uint64_t seed = 0;
  std::vector<std::uint32_t> samples;  ///< (B): the global index of each sample of the batch
};

/// x + v dt + w score dt + sqrt(2 w dt) noise, with w = sigma(t) and the score that the velocity implies,
/// ((alpha / alpha') v - x) / (sigma^2 - (alpha / alpha') sigma' sigma). Without `noise` it is the mean step,
/// which leaves out the last term. The last step of a grid is Euler's. One evaluation a step.
/// Source: sde_mean_step_fn and sde_step_fn in sampling.py, MCG-NJU/PixNerd@6da060b.
template <class Path = LinearPath>
struct SdeEuler {
  static_assert(ProbabilityPath<Path>, "SdeEuler needs a path: a callable from time to PathPoint");

  Path path = {};
  std::optional<SdeNoise> noise = {};

  /// Throws ValueError where the path has no score, at sigma = 0 or alpha' = 0; ShapeError unless the noise
  /// has as many samples as x.
  template <class T, class Device, VelocityField<T, Device> Field>
  SolverStep<T, Device> step(Field& field, const Tensor<T, Device>& x, const TimeGrid& grid, int i,
                             std::vector<Tensor<T, Device>>&) const {
    const double t = grid.time(i), dt = grid.width(i);
    const auto v = velocity_at(field, x, t);
    if (grid.is_last(i)) return {weighted_sum<T, Device>({{1.0, x}, {dt, v}}), v};

    const PathPoint p = path(t);
    const double w = p.sigma, ratio = p.alpha / p.alpha_slope;
    const double variance = p.sigma * p.sigma - ratio * p.sigma_slope * p.sigma;
    if (!(variance > 0) || !std::isfinite(variance)) {
      raise<ValueError>("SdeEuler", "times at which the path still has noise", str_cat(t));
    }
    const double drift = w * dt / variance;  // of ratio v - x
    std::vector<std::pair<double, Tensor<T, Device>>> terms{{1.0 - drift, x}, {dt + drift * ratio, v}};
    if (noise) {
      const Tensor<T, Device> normals(x.shape());
      fill_normal_per_sample(normals, noise->seed, RandomPurpose::sampling_step, noise->samples,
                             static_cast<std::uint32_t>(i));
      terms.emplace_back(std::sqrt(2 * w * dt), normals);
    }
    return {weighted_sum<T, Device>(terms), v};
  }
};

static_assert(Stepper<SdeEuler<>>);

}  // namespace pixnerd
