// SPDX-License-Identifier: MIT
/// \file
/// Probability paths: how data and noise mix at time t.
///
/// x_t = alpha(t) x + sigma(t) noise, with velocity alpha'(t) x + sigma'(t) noise. In this library t = 0 is
/// noise and t = 1 is data, on every path.
#pragma once

#include <cmath>
#include <concepts>
#include <numbers>

#include <pixnerd/core/annotations.hpp>

namespace pixnerd {

/// The two coefficients of a path at one time, and their derivatives there.
struct PathPoint {
  double alpha = 0;        ///< factor of the data
  double sigma = 0;        ///< factor of the noise
  double alpha_slope = 0;  ///< d alpha / dt
  double sigma_slope = 0;  ///< d sigma / dt
};

/// A function from time, in [0, 1], to a PathPoint, with alpha(0) = sigma(1) = 0 and alpha(1) = sigma(0) = 1.
/// Called where the data are: a path for GPUs is marked PIXNERD_HOST_DEVICE.
template <class Path>
concept ProbabilityPath = requires(const Path& path, double t) {
  { path(t) } -> std::same_as<PathPoint>;
};

/// The straight line from noise to data, alpha = t and sigma = 1 - t; the path of every published result.
/// Source: LinearScheduler in scheduling.py, MCG-NJU/PixNerd@6da060b.
struct LinearPath {
  PIXNERD_HOST_DEVICE PathPoint operator()(double t) const { return {t, 1.0 - t, 1.0, -1.0}; }
};

/// A quarter of a circle, alpha = sin(pi t / 2) and sigma = cos(pi t / 2): the variance of x_t stays that of
/// data and noise. The published formulas of this name run the other way and lack a factor; see gvp_point().
struct CosinePath {
  PIXNERD_HOST_DEVICE PathPoint operator()(double t) const {
    constexpr double quarter = std::numbers::pi / 2;
    const double s = std::sin(quarter * t), c = std::cos(quarter * t);
    return {s, c, quarter * c, -quarter * s};
  }
};

static_assert(ProbabilityPath<LinearPath> && ProbabilityPath<CosinePath>);

}  // namespace pixnerd
