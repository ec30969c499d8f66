// SPDX-License-Identifier: MIT
/// \file
/// Flow matching with REPA as a training objective.
#pragma once

#include <utility>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/objectives/feature_encoder.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/objectives/repa.hpp>

namespace pixnerd {

/// Sees nothing of an objective.
struct NoWatch {
  void operator()(const auto&) const {}
};

/// flow matching + weight (1 - cosine between the projected tokens of repa.block and the features of the
/// clean images), as an objective for training; the store is then made of both, ParameterStore(model, repa).
///
/// `model` has forward(x, t, labels, tap). `features` is a FeatureEncoder such as Dinov2Encoder, or any
/// callable that takes a batch and returns (B, L, F), such as CachedFeatures; where L is not the number of
/// the model's tokens, they are resized from grid to grid. Nothing of it gets a gradient. All three must
/// outlive the objective. `watch(alignment)` is shown each batch's 1 - cosine, one element without a
/// gradient, with nothing recorded; like the objective, it may be part of what a GPU repeats.
///
///     const Dinov2Encoder<Policy> encoder(load_dinov2<Policy>(file), model.config().patch);
///     Repa<Policy> repa{{model.config().width, encoder.feature_width(), init}};
///     ParameterStore<Policy> store(model, repa);
///     auto objective = repa_objective(model, repa, encoder);
template <class Model, class Alignment, class Features, ProbabilityPath Path = LinearPath,
          class Watch = NoWatch, Prediction Predicted = VelocityPrediction>
auto repa_objective(const Model& model, const Alignment& repa, const Features& features,
                    const Path& path = {}, Watch watch = {}, const Predicted& prediction = {}) {
  return [&model, &repa, &features, path, watch, prediction](const auto& batch) {
    const auto target = [&] {
      const NoGrad frozen;
      if constexpr (requires { features.features(batch.images); }) {
        return features.features(batch.images);
      } else {
        return features(batch);
      }
    }();
    auto tap = repa.tap();
    const auto flow = flow_matching_loss(
        path, batch.images, batch.noise, batch.times,
        [&](const auto& x, const auto& t) { return model.forward(x, t, batch.labels, tap); }, UnitWeight{},
        prediction);
    const auto matched = [&] {
      const NoGrad frozen;
      return matched_features(target, tap.tokens().size(1), batch.images.size(2), batch.images.size(3));
    }();
    const auto alignment = repa.alignment(tap, matched);
    {
      const NoGrad frozen;
      watch(alignment.detach());
    }
    return repa.total(flow, alignment);
  };
}

}  // namespace pixnerd
