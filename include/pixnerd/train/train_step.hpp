/// \file
/// One step of training, whole and in order.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/flow/flow_matching.hpp>
#include <pixnerd/optim/clip.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include <pixnerd/optim/optimizer.hpp>
#include <pixnerd/optim/schedule.hpp>
#include <pixnerd/train/train_state.hpp>
#include <pixnerd/train/training_batch.hpp>

namespace pixnerd {

enum class RateSchedule {
  constant,  ///< constant_rate()
  cosine     ///< cosine_rate(), down to 0 after the last step
};

/// How to train. The defaults are PixNerd's for the class-conditional models.
struct TrainOptions {
  std::int64_t steps = 1000;      ///< in all, those before a resume included
  std::int64_t accumulation = 1;  ///< batches whose mean loss makes one step
  double rate = 1e-4;             ///< largest learning rate
  RateSchedule schedule = RateSchedule::constant;
  std::int64_t warmup = 0;        ///< steps over which the rate rises
  double clip_norm = 0;           ///< largest global norm of the gradient; 0 clips nothing
  double average_decay = 0.9999;  ///< of the moving average of the weights
  NoisingOptions noising;
  std::string run;                    ///< folder of the checkpoints; empty: none are saved
  std::int64_t checkpoint_every = 0;  ///< steps between checkpoints; 0: only one at the end

  /// Learning rate of a step, counted from 1.
  double rate_at(std::int64_t step) const {
    return rate * (schedule == RateSchedule::cosine ? cosine_rate(step, warmup, steps)
                                                    : constant_rate(step, warmup));
  }
};

/// What a step did.
struct StepReport {
  std::int64_t step = 0;          ///< its number, from 1
  double loss = 0;                ///< mean over its batches, before the update
  double grad_norm = 0;           ///< of all gradients, before clipping
  double rate = 0;                ///< learning rate
  double samples_per_second = 0;  ///< of this step, waiting for data included; train() fills it in
};

/// The flow-matching loss of a model with forward(x, t, labels), as an objective. `model` must outlive it.
template <class Model, ProbabilityPath Path = LinearPath>
auto flow_matching_objective(const Model& model, const Path& path = {}) {
  return [&model, path](const auto& batch) {
    return flow_matching_loss(
        path, batch.images, batch.noise, batch.times,
        [&](const auto& x, const auto& t) { return model.forward(x, t, batch.labels); });
  };
}

/// Throws NonFiniteError with the likeliest reason of a loss that is not finite: weights, images, or neither.
template <class Precision, class Device, class Batch>
[[noreturn]] void explain_loss(const ParameterStore<Precision, Device>& store, const Batch& batch,
                               double loss, std::int64_t step) {
  check_finite(store, store.weights(), "weight", step);
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    for (const auto value : batch.images.rows(row, row + 1).to_host()) {
      if (std::isfinite(static_cast<double>(value))) continue;
      raise<NonFiniteError>(text("step ", step), "finite pixels",
                            text(value, " in sample ", batch.samples[i]));
    }
  }
  raise<NonFiniteError>(text("step ", step), "a finite loss",
                        text(loss, ", though weights and images are finite"));
}

/// One step: gradients of `options.accumulation` batches, their norm, one update of the weights.
///
/// `objective(batch)` returns the loss of a TrainingBatch, one element; `next_batch()` a DataBatch. The step
/// depends on the weights, the data, the options, and `state`, which it advances. Throws NonFiniteError,
/// naming the step and the parameter, when a loss or a gradient is not finite, and ValueError when the data
/// do not go on where the state stands; weights and state are then as they were.
template <class Precision, class Device, class AnOptimizer, class Objective, class NextBatch>
StepReport train_step(ParameterStore<Precision, Device>& store, const AnOptimizer& optimizer,
                      Objective& objective, NextBatch& next_batch, const TrainOptions& options,
                      TrainState& state) {
  static_assert(Optimizer<AnOptimizer, ParameterStore<Precision, Device>>,
                "an optimizer has update(store, settings), as AdamW has");
  using T = typename Precision::compute;
  const std::int64_t step = state.step + 1;
  std::int64_t samples = state.samples;
  StepReport report{.step = step, .rate = options.rate_at(step)};
  store.zero_grad();
  for (std::int64_t micro = 0; micro < options.accumulation; ++micro) {
    const auto data = next_batch();
    if (data.sample_ids.empty() || data.sample_ids.front() != samples) {
      raise<ValueError>("train step", text("data from sample ", samples, " on"),
                        data.sample_ids.empty() ? "none" : text("sample ", data.sample_ids.front()));
    }
    samples += static_cast<std::int64_t>(data.sample_ids.size());
    const auto batch =
        draw_training_batch<T, Device>(data, options.noising, state.seed, static_cast<std::uint32_t>(step));

    Tape tape;
    const Tensor<T, Device> loss = objective(batch);
    const double value = static_cast<double>(loss.item());
    if (!std::isfinite(value)) explain_loss(store, batch, value, step);
    const double share = 1.0 / static_cast<double>(options.accumulation);
    tape.backward(loss, Tensor<T, Device>::full(loss.shape(), static_cast<T>(share)));
    report.loss += share * value;
  }
  store.complete_gradients();

  report.grad_norm = grad_norm(store, step);
  optimizer.update(store, {.step = step,
                           .rate = report.rate,
                           .gradient_scale = clip_scale(report.grad_norm, options.clip_norm),
                           .average_decay = options.average_decay});
  state.step = step;
  state.samples = samples;
  return report;
}

}  // namespace pixnerd
