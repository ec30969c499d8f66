// SPDX-License-Identifier: MIT
/// \file
/// Flow matching: the point on the path that training shows to the model, what it should answer, and the
/// loss. Source: Lipman et al. 2023, "Flow matching for generative modeling".
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include <pixnerd/diffusion/path.hpp>
#include <pixnerd/diffusion/prediction.hpp>
#include <pixnerd/ops/flow_mix.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

namespace pixnerd {

/// The weight of every sample is 1, as in every published result of PixNerd. Any callable from PathPoint to a
/// number may stand in its place; one for GPUs is marked PIXNERD_HOST_DEVICE.
struct UnitWeight {
  PIXNERD_HOST_DEVICE double operator()(const PathPoint&) const { return 1.0; }
};

namespace detail {

/// Path, prediction and weight as flow_mix() takes them. The loss is that of the velocity whatever the
/// network predicts: the square of output - target is weighted by the square of the velocity's factor.
template <class Path, class Predicted, class Weight>
struct FlowFactorsAt {
  Path path;
  Predicted prediction;
  Weight weight;

  PIXNERD_HOST_DEVICE FlowFactors operator()(double t) const {
    const PathPoint at = path(t);
    const TargetFactors target = prediction.target(at);
    const double to_velocity = prediction.velocity(at).output;
    return {at.alpha, at.sigma, target.data, target.noise, weight(at) * (to_velocity * to_velocity)};
  }
};

}  // namespace detail

/// The points of `data` and `noise`, both (B, ...), at one time for each sample, and what a network with that
/// prediction should answer there: times (B), where the data are. They must be in [0, 1], which is not
/// checked, for that would mean to wait for a GPU. Throws ShapeError when the batches differ.
template <ProbabilityPath Path, class T, class Device, class Weight = UnitWeight,
          Prediction Predicted = VelocityPrediction>
FlowSample<T, Device> flow_sample(const Path& path, const Tensor<T, Device>& data,
                                  const Tensor<T, Device>& noise, const Tensor<double, Device>& times,
                                  const Weight& weight = {}, const Predicted& prediction = {}) {
  constexpr bool weighs = !std::same_as<Weight, UnitWeight> || !std::same_as<Predicted, VelocityPrediction>;
  return flow_mix(detail::FlowFactorsAt<Path, Predicted, Weight>{path, prediction, weight}, data, noise,
                  times, weighs);
}

/// The same for times on the host. Throws ValueError for one outside [0, 1], too.
template <ProbabilityPath Path, class T, class Device, class Weight = UnitWeight,
          Prediction Predicted = VelocityPrediction>
FlowSample<T, Device> flow_sample(const Path& path, const Tensor<T, Device>& data,
                                  const Tensor<T, Device>& noise, std::span<const double> times,
                                  const Weight& weight = {}, const Predicted& prediction = {}) {
  for (const double t : times) {
    if (!(t >= 0 && t <= 1)) raise<ValueError>("flow matching", "times in [0, 1]", str_cat(t));
  }
  const Shape batch{static_cast<std::int64_t>(times.size())};
  return flow_sample(path, data, noise, Tensor<double, Device>::from_host(batch, times), weight, prediction);
}

/// mean(weight (output - target)^2), over every element: the mean square of the difference of velocities.
/// Throws ShapeError when `output` has not the shape of the target.
template <class T, class Device>
Tensor<T, Device> flow_matching_loss(const FlowSample<T, Device>& sample, const Tensor<T, Device>& output) {
  return mean_squared_error(output, sample.target, sample.weight);
}

/// The same in one call: `model` is called once, as model(x, t), and returns what it predicts. The times are
/// those that flow_sample() takes, where the data are or on the host.
template <ProbabilityPath Path, class T, class Device, class Times, class Model, class Weight = UnitWeight,
          Prediction Predicted = VelocityPrediction>
Tensor<T, Device> flow_matching_loss(const Path& path, const Tensor<T, Device>& data,
                                     const Tensor<T, Device>& noise, const Times& times, Model&& model,
                                     const Weight& weight = {}, const Predicted& prediction = {}) {
  const auto sample = flow_sample(path, data, noise, times, weight, prediction);
  return flow_matching_loss(sample, model(sample.x, sample.t));
}

}  // namespace pixnerd
