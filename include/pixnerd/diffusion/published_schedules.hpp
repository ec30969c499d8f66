// SPDX-License-Identifier: MIT
/// \file
/// The noise schedules published beside the linear path, as they are: plain functions to compare with. No
/// published result uses them, they disagree with the linear path about the direction of time, and nothing in
/// the library is built on them. Source: GVPScheduler in src/diffusion/flow_matching/scheduling.py,
/// VPScheduler and DDPMScheduler in scheduling.py, MCG-NJU/PixNerd@6da060b.
#pragma once

#include <cmath>
#include <numbers>

#include <pixnerd/diffusion/path.hpp>

namespace pixnerd {

/// "GVP": alpha = cos(pi t / 2), sigma = sin(pi t / 2), so t = 0 is data. The slopes are the published ones,
/// -sin and cos, without the factor pi / 2 of the true derivatives.
PIXNERD_HOST_DEVICE inline PathPoint gvp_point(double t) {
  const double angle = t * std::numbers::pi / 2;
  const double s = std::sin(angle), c = std::cos(angle);
  return {c, s, -s, c};
}

/// The diffusion coefficient published with "GVP": sin(t)^2, of t itself.
PIXNERD_HOST_DEVICE inline double gvp_diffusion(double t) {
  return std::sin(t) * std::sin(t);
}

/// The diffusion coefficient published with the linear path: sigma.
PIXNERD_HOST_DEVICE inline double linear_diffusion(double t) {
  return 1.0 - t;
}

/// "VP" predicts the noise and runs from data at t = 0 to noise at t = 1; it has no published slopes.
struct VpPoint {
  double alpha = 0;
  double sigma = 0;
  double beta = 0;  ///< rate at which noise is added
};

/// beta = 0.1 + 19.9 t, alpha = exp(-1/2 of the integral of beta from 0 to t), sigma = sqrt(1 - alpha^2).
/// alpha and sigma see t clamped to [0.001, 1].
PIXNERD_HOST_DEVICE inline VpPoint vp_point(double t) {
  const double clamped = t < 1e-3 ? 1e-3 : t > 1.0 ? 1.0 : t;
  const double exponent = 0.1 * clamped + 19.9 / 2 * clamped * clamped;
  return {std::exp(-exponent / 2), std::sqrt(-std::expm1(-exponent)), 0.1 + 19.9 * t};
}

}  // namespace pixnerd
