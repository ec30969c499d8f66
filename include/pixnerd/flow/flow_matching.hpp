/// \file
/// Flow matching: the point on the path that training shows to the model, the velocity it should answer with,
/// and the loss. Source: PixNerd, diffusion path.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <vector>

#include <pixnerd/flow/path.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

namespace pixnerd {

/// The weight of every sample is 1, as in every published result. Any callable from PathPoint to a number may
/// stand in its place.
struct UnitWeight {
  double operator()(const PathPoint&) const { return 1.0; }
};

/// A batch of points between noise and data.
template <class T, class Device>
struct FlowSample {
  Tensor<T, Device> x;          ///< (B, ...): alpha(t) data + sigma(t) noise
  Tensor<wide_t<T>, Device> t;  ///< (B): the times, for the model
  Tensor<T, Device> velocity;   ///< (B, ...): alpha'(t) data + sigma'(t) noise, the target
  Tensor<T, Device> weight;     ///< (B, 1, ...): weights in the loss; undefined where all are 1
};

/// The points of `data` and `noise`, both (B, ...), at one time in [0, 1] for each sample.
/// Throws ShapeError when their batches differ, ValueError for a time outside [0, 1].
template <ProbabilityPath Path, class T, class Device, class Weight = UnitWeight>
FlowSample<T, Device> flow_sample(const Path& path, const Tensor<T, Device>& data,
                                  const Tensor<T, Device>& noise, std::span<const double> times,
                                  const Weight& weight = {}) {
  const auto batch = static_cast<std::int64_t>(times.size());
  if (data.rank() < 1 || !(data.shape() == noise.shape()) || data.size(0) != batch) {
    raise<ShapeError>("flow matching", "data and noise (B, ...) of the same shape and B times",
                      text("data ", data.shape(), ", noise ", noise.shape(), " and ", batch, " times"));
  }
  for (const double t : times) {
    if (!(t >= 0 && t <= 1)) raise<ValueError>("flow matching", "times in [0, 1]", text(t));
  }
  Shape one_per_sample{batch};
  while (one_per_sample.rank() < data.rank()) one_per_sample.push_back(1);
  const auto coefficient = [&](auto value) {
    std::vector<T> values;
    for (const double t : times) values.push_back(static_cast<T>(value(path(t))));
    return Tensor<T, Device>::from_host(one_per_sample, values);  // (B, 1, ...)
  };
  const auto mix = [&](double PathPoint::*of_data, double PathPoint::*of_noise) {
    return add(multiply(data, coefficient([&](const PathPoint& p) { return p.*of_data; })),
               multiply(noise, coefficient([&](const PathPoint& p) { return p.*of_noise; })));
  };
  FlowSample<T, Device> out;
  out.x = mix(&PathPoint::alpha, &PathPoint::sigma);
  out.t = Tensor<wide_t<T>, Device>::from_host({batch}, std::vector<wide_t<T>>(times.begin(), times.end()));
  out.velocity = mix(&PathPoint::alpha_slope, &PathPoint::sigma_slope);
  if constexpr (!std::same_as<Weight, UnitWeight>) out.weight = coefficient(weight);
  return out;
}

/// mean(weight (predicted - velocity)^2), over every element.
/// Throws ShapeError when `predicted` has not the shape of the target.
template <class T, class Device>
Tensor<T, Device> flow_matching_loss(const FlowSample<T, Device>& sample,
                                     const Tensor<T, Device>& predicted) {
  return mean_squared_error(predicted, sample.velocity, sample.weight);
}

/// The same in one call: `model` is called once, as model(x, t), and returns the predicted velocity.
template <ProbabilityPath Path, class T, class Device, class Model, class Weight = UnitWeight>
Tensor<T, Device> flow_matching_loss(const Path& path, const Tensor<T, Device>& data,
                                     const Tensor<T, Device>& noise, std::span<const double> times,
                                     Model&& model, const Weight& weight = {}) {
  const auto sample = flow_sample(path, data, noise, times, weight);
  return flow_matching_loss(sample, model(sample.x, sample.t));
}

}  // namespace pixnerd
