/// \file
/// Flow matching: the point on the path that training shows to the model, the velocity it should answer with,
/// and the loss. Source: PixNerd, diffusion path.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include <pixnerd/diffusion/path.hpp>
#include <pixnerd/ops/flow_mix.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

namespace pixnerd {

/// The weight of every sample is 1, as in every published result. Any callable from PathPoint to a number may
/// stand in its place; one for GPUs is marked PIXNERD_HOST_DEVICE.
struct UnitWeight {
  PIXNERD_HOST_DEVICE double operator()(const PathPoint&) const { return 1.0; }
};

/// The points of `data` and `noise`, both (B, ...), at one time for each sample: times (B), where the data are.
/// They must be in [0, 1], which is not checked, for that would mean to wait for a GPU.
/// Throws ShapeError when the batches differ.
template <ProbabilityPath Path, class T, class Device, class Weight = UnitWeight>
FlowSample<T, Device> flow_sample(const Path& path, const Tensor<T, Device>& data,
                                  const Tensor<T, Device>& noise, const Tensor<double, Device>& times,
                                  const Weight& weight = {}) {
  return flow_mix(path, data, noise, times, weight, !std::same_as<Weight, UnitWeight>);
}

/// The same for times on the host. Throws ValueError for one outside [0, 1], too.
template <ProbabilityPath Path, class T, class Device, class Weight = UnitWeight>
FlowSample<T, Device> flow_sample(const Path& path, const Tensor<T, Device>& data,
                                  const Tensor<T, Device>& noise, std::span<const double> times,
                                  const Weight& weight = {}) {
  for (const double t : times) {
    if (!(t >= 0 && t <= 1)) raise<ValueError>("flow matching", "times in [0, 1]", str_cat(t));
  }
  const Shape batch{static_cast<std::int64_t>(times.size())};
  return flow_sample(path, data, noise, Tensor<double, Device>::from_host(batch, times), weight);
}

/// mean(weight (predicted - velocity)^2), over every element.
/// Throws ShapeError when `predicted` has not the shape of the target.
template <class T, class Device>
Tensor<T, Device> flow_matching_loss(const FlowSample<T, Device>& sample,
                                     const Tensor<T, Device>& predicted) {
  return mean_squared_error(predicted, sample.velocity, sample.weight);
}

/// The same in one call: `model` is called once, as model(x, t), and returns the predicted velocity. The times
/// are those that flow_sample() takes, where the data are or on the host.
template <ProbabilityPath Path, class T, class Device, class Times, class Model, class Weight = UnitWeight>
Tensor<T, Device> flow_matching_loss(const Path& path, const Tensor<T, Device>& data,
                                     const Tensor<T, Device>& noise, const Times& times, Model&& model,
                                     const Weight& weight = {}) {
  const auto sample = flow_sample(path, data, noise, times, weight);
  return flow_matching_loss(sample, model(sample.x, sample.t));
}

}  // namespace pixnerd
