// SPDX-License-Identifier: MIT
/// \file
/// Flow matching as a training objective.
#pragma once

#include <pixnerd/objectives/flow_matching.hpp>

namespace pixnerd {

/// An objective, for train() or TrainStepper: a callable that takes a TrainingBatch and returns its
/// flow-matching loss, one element (see flow_matching_loss()). `model` has forward(x, t, labels) and must
/// outlive the objective.
template <class Model, ProbabilityPath Path = LinearPath>
auto flow_matching_objective(const Model& model, const Path& path = {}) {
  return [&model, path](const auto& batch) {
    return flow_matching_loss(
        path, batch.images, batch.noise, batch.times,
        [&](const auto& x, const auto& t) { return model.forward(x, t, batch.labels); });
  };
}

}  // namespace pixnerd
