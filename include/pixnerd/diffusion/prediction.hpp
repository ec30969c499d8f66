// SPDX-License-Identifier: MIT
/// \file
/// What the output of a network means: a velocity, a clean image, or noise.
///
/// On a path x_t = alpha data + sigma noise, with velocity v = alpha' data + sigma' noise, each of the three
/// follows from another and x_t. A Prediction says how: what the network is trained toward, and the velocity
/// that solvers integrate. Objectives and samplers take one and assume nothing else of a network's output.
#pragma once

#include <algorithm>
#include <concepts>

#include <pixnerd/core/annotations.hpp>
#include <pixnerd/diffusion/path.hpp>
#include <pixnerd/ops/weighted_sum.hpp>

namespace pixnerd {

/// What a network is trained toward: data factor * data + noise factor * noise.
struct TargetFactors {
  double data = 0, noise = 0;
};

/// The velocity of an output: output factor * output + point factor * x_t.
struct VelocityFactors {
  double output = 1, point = 0;
};

/// Functions of a point of the path, called where the data are: marked PIXNERD_HOST_DEVICE for GPUs.
template <class P>
concept Prediction = requires(const P& prediction, const PathPoint& at) {
  { prediction.target(at) } -> std::same_as<TargetFactors>;
  { prediction.velocity(at) } -> std::same_as<VelocityFactors>;
};

/// The output is the velocity. Source: "PixNerd: Pixel Neural Field Diffusion", arXiv 2507.23268.
struct VelocityPrediction {
  PIXNERD_HOST_DEVICE TargetFactors target(const PathPoint& at) const {
    return {at.alpha_slope, at.sigma_slope};
  }
  PIXNERD_HOST_DEVICE VelocityFactors velocity(const PathPoint&) const { return {1, 0}; }
};

/// The output is the clean image. v = ((alpha' sigma - sigma' alpha) output + sigma' x_t) / max(sigma,
/// least_sigma), on the linear path (output - x_t) / max(1 - t, least_sigma). Source: "Back to Basics: Let
/// Denoising Generative Models Denoise", arXiv 2511.13720, section 4.
struct ImagePrediction {
  double least_sigma = 0.05;  ///< above 0: keeps the division from growing without bound near the data

  PIXNERD_HOST_DEVICE TargetFactors target(const PathPoint&) const { return {1, 0}; }
  PIXNERD_HOST_DEVICE VelocityFactors velocity(const PathPoint& at) const {
    const double sigma = at.sigma > least_sigma ? at.sigma : least_sigma;
    return {(at.alpha_slope * at.sigma - at.sigma_slope * at.alpha) / sigma, at.sigma_slope / sigma};
  }
};

/// The output is the noise. v = ((sigma' alpha - alpha' sigma) output + alpha' x_t) / max(alpha,
/// least_alpha). Source: Ho et al. 2020, "Denoising diffusion probabilistic models", section 3.2.
struct NoisePrediction {
  double least_alpha = 0.05;  ///< above 0: keeps the division from growing without bound near the noise

  PIXNERD_HOST_DEVICE TargetFactors target(const PathPoint&) const { return {0, 1}; }
  PIXNERD_HOST_DEVICE VelocityFactors velocity(const PathPoint& at) const {
    const double alpha = at.alpha > least_alpha ? at.alpha : least_alpha;
    return {(at.sigma_slope * at.alpha - at.alpha_slope * at.sigma) / alpha, at.alpha_slope / alpha};
  }
};

static_assert(Prediction<VelocityPrediction> && Prediction<ImagePrediction> && Prediction<NoisePrediction>);

/// The velocity that an output (B, ...) at the points x (B, ...) of time t stands for: the output itself
/// where that is a velocity. Throws ShapeError when the shapes differ.
template <Prediction P, ProbabilityPath Path, class T, class Device>
Tensor<T, Device> velocity_of(const P& prediction, const Path& path, const Tensor<T, Device>& output,
                              const Tensor<T, Device>& x, double t) {
  const VelocityFactors factors = prediction.velocity(path(t));
  if (factors.output == 1 && factors.point == 0) return output;
  return weighted_sum<T, Device>({{factors.output, output}, {factors.point, x}});
}

}  // namespace pixnerd
