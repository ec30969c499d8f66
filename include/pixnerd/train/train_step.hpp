// SPDX-License-Identifier: MIT
/// \file
/// One step of training, from batches to updated weights, written so that a CUDA graph can capture it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/graph_capture.hpp>
#include <pixnerd/objectives/flow_matching_objective.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include <pixnerd/optim/optimizer.hpp>
#include <pixnerd/train/train_options.hpp>
#include <pixnerd/train/train_progress.hpp>
#include <pixnerd/train/training_batch.hpp>

namespace pixnerd {

/// The result of one step.
struct StepReport {
  std::int64_t step = 0;          ///< its number, from 1
  double loss = 0;                ///< mean over its batches, before the update
  double grad_norm = 0;           ///< of all gradients, before clipping
  double rate = 0;                ///< learning rate
  double norm_limit = 0;          ///< a step with a grad_norm above this is skipped; infinity without a limit
  bool skipped = false;           ///< whether it changed nothing
  double samples_per_second = 0;  ///< of this step, including the wait for data; set by train()
};

namespace detail {

/// The images of a micro-batch as they came, kept to explain a non-finite loss.
struct SeenBatch {
  Tensor<float> images;
  std::vector<std::int64_t> samples;
};

/// Throws NonFiniteError with the likeliest cause of a non-finite loss: weights, images, or neither.
template <class Policy>
[[noreturn]] void explain_loss(const ParameterStore<Policy>& store, const SeenBatch& batch, double loss,
                               std::int64_t step) {
  check_finite(store, store.weights(), "weight", step);
  const auto each = batch.images.count() / static_cast<std::int64_t>(batch.samples.size());
  for (std::int64_t i = 0; i < batch.images.count(); ++i) {
    const float value = batch.images.data()[i];
    if (std::isfinite(value)) continue;
    const auto sample = static_cast<std::uint32_t>(batch.samples[static_cast<std::size_t>(i / each)]);
    raise<NonFiniteError>(str_cat("step ", step), "finite pixels", str_cat(value, " in sample ", sample));
  }
  raise<NonFiniteError>(str_cat("step ", step), "a finite loss",
                        str_cat(loss, ", though weights and images are finite"));
}

}  // namespace detail

/// Training steps: the gradients of `options.accumulation` micro-batches, their norm, one update of the
/// weights.
///
/// `objective(batch)` returns the loss of a TrainingBatch, one element. With options.capture, a GPU calls it
/// three times (and three times more for the micro-batches after the first of a step), captures the third
/// call as a CUDA graph, and launches that from then on. So the objective must run the same operations each
/// time, neither read numbers from the GPU nor copy from the host, and depend on nothing else that changes,
/// such as batch.samples. See GraphCapture. Batches of another shape make it start over.
///
/// Store, optimizer, objective and options must outlive this. The constructor starts the optimizer's state.
template <class Policy, class AnOptimizer, class Objective>
class TrainStepper {
 public:
  using Store = ParameterStore<Policy>;
  using Device = typename Policy::Device;
  using T = typename Store::T;
  static_assert(Optimizer<AnOptimizer, Store>,
                "an optimizer has state_names and update(store, settings), as AdamW has");

  TrainStepper(Store& store, const AnOptimizer& optimizer, Objective& objective, const TrainOptions& options)
      : store_(store),
        optimizer_(optimizer),
        objective_(objective),
        options_(options),
        first_(options.capture),
        later_(options.capture, first_),
        loss_(Shape{}),
        losses_({options.accumulation}),
        measurements_({StepMeasurements::losses + options.accumulation}),
        measured_(static_cast<std::size_t>(measurements_.count())) {
    store_.start_state(optimizer_);  // now: a step allocates nothing
  }

  /// One step with batches from `next_batch()`, each a DataBatch. It depends on the weights, the data, the
  /// options, and `state`, which it advances. A step that is skipped as an outlier advances `state` and
  /// changes nothing else. Throws NonFiniteError, naming the step and the parameter, when a loss or a
  /// gradient is not finite, and ValueError when the data do not continue at state.samples; weights and state
  /// are then as they were.
  template <class NextBatch>
  StepReport operator()(NextBatch& next_batch, TrainProgress& state) {
    const std::int64_t step = state.step + 1;
    std::int64_t samples = state.samples;
    seen_.clear();
    for (std::int64_t micro = 0; micro < losses_.count(); ++micro) {
      const auto data = next_batch();
      if (data.sample_ids.empty() || data.sample_ids.front() != samples) {
        raise<ValueError>("train step", str_cat("data from sample ", samples, " on"),
                          data.sample_ids.empty() ? "none" : str_cat("sample ", data.sample_ids.front()));
      }
      samples += static_cast<std::int64_t>(data.sample_ids.size());
      draw(data, state.seed, static_cast<std::uint32_t>(step));
      (micro == 0 ? first_ : later_)([&] { add_gradients(micro == 0); });
      copy_into(losses_.rows(micro, micro + 1), loss_.reshape({1}));
    }

    StepReport report{.step = step, .rate = options_.rate_at(step)};
    report.norm_limit = options_.norm_limit(state.grad_norm);
    UpdateSettings settings{
        .step = step - state.skipped, .rate = report.rate, .average_decay = options_.average_decay};
    measure_gradients(store_, options_.clip_norm, losses_, measurements_, report.norm_limit);
    constexpr auto scale = StepMeasurements::scale;
    if constexpr (OptimizerOnDevice<AnOptimizer, Store>) {
      optimizer_.update(store_, settings, measurements_.rows(scale, scale + 1));
    }
    // Here the host waits for the device. No allocation, which could fail: the weights have changed already.
    MemoryTransfer<Device>::to_host(measured_.data(), measurements_.data(), measurements_.bytes());
    check_and_report(measured_, report);
    if constexpr (!OptimizerOnDevice<AnOptimizer, Store>) {
      settings.gradient_scale = measured_[scale];
      if (!report.skipped) optimizer_.update(store_, settings);
    }
    seen_.clear();
    state.step = step;
    state.samples = samples;
    state.grad_norm.add(std::min(report.grad_norm, report.norm_limit));
    if (report.skipped) {
      ++state.skipped;
    } else {
      state.loss.add(report.loss);
    }
    return report;
  }

 private:
  /// Puts the next batch where the captured graph reads it.
  template <class Data>
  void draw(const Data& data, std::uint64_t seed, std::uint32_t step) {
    // Even when this throws, a captured graph must not read tensors that are gone.
    struct ForgetCaptures {
      TrainStepper& stepper;
      const T* before = stepper.batch_.images.data();
      ~ForgetCaptures() {
        if (stepper.batch_.images.data() == before) return;
        stepper.first_.reset();
        stepper.later_.reset();
      }
    } const forget{*this};
    draw_training_batch(batch_, uploads_, data, options_.noising, seed, step);
    seen_.push_back({data.images, data.sample_ids});
  }

  /// Gradients of the batch, and its loss. This is what a GPU captures.
  void add_gradients(bool first) {
    if (first) store_.zero_grad();
    {
      Tape tape;
      const Tensor<T, Device> loss = objective_(std::as_const(batch_));
      if (loss.count() != 1)
        raise<ShapeError>("train step", "a loss of one element", str_cat("the shape ", loss.shape()));
      copy_into(loss_, loss.detach().reshape({}));
      const double share = 1.0 / static_cast<double>(options_.accumulation);
      tape.backward(loss, Tensor<T, Device>::full(loss.shape(), static_cast<T>(share)));
    }
    (void)store_.gradients();  // what no batch wrote is zeroed here, as part of the captured work
  }

  /// Sets loss and norm of the report; throws when one is not finite.
  void check_and_report(const std::vector<double>& measured, StepReport& report) const {
    const double share = 1.0 / static_cast<double>(options_.accumulation);
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const double loss = measured[StepMeasurements::losses + i];
      if (!std::isfinite(loss)) detail::explain_loss(store_, seen_[i], loss, report.step);
      report.loss += share * loss;
    }
    report.grad_norm = finite_norm(store_, measured[StepMeasurements::squares], report.step);
    report.skipped = std::isnan(measured[StepMeasurements::scale]);  // though all is finite
  }

  Store& store_;
  const AnOptimizer& optimizer_;
  Objective& objective_;
  const TrainOptions& options_;
  // The first batch of a step overwrites gradients, the later ones add to them.
  GraphCapture<Device> first_, later_;
  TrainingBatch<T, Device> batch_;
  BatchUploads<Device> uploads_;
  Tensor<T, Device> loss_, losses_;  // of a batch, of a step
  Tensor<double, Device> measurements_;
  std::vector<double> measured_;  // the measurements on the host
  std::vector<detail::SeenBatch> seen_;
};

/// One step of a TrainStepper that is made for it, without capture.
template <class Policy, class AnOptimizer, class Objective, class NextBatch>
StepReport train_step(ParameterStore<Policy>& store, const AnOptimizer& optimizer, Objective& objective,
                      NextBatch& next_batch, TrainOptions options, TrainProgress& state) {
  options.capture = false;
  TrainStepper<Policy, AnOptimizer, Objective> stepper(store, optimizer, objective, options);
  return stepper(next_batch, state);
}

}  // namespace pixnerd
