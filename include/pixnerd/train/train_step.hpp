/// \file
/// One step of training, whole and in order, written so that a GPU can repeat it from a recording.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/graph_capture.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/optim/grad_norm.hpp>
#include <pixnerd/optim/optimizer.hpp>
#include <pixnerd/optim/schedule.hpp>
#include <pixnerd/train/train_progress.hpp>
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
  /// A step is skipped, so that it changes neither weights nor moments nor averages, when the norm of its gradient is
  /// above this factor times the mean of the norms before (TrainProgress::grad_norm), once there are 20 of those. 0 skips
  /// none. What is skipped counts as the limit in that mean, so a lasting change of the norms is followed.
  double skip_outliers = 0;

  std::string run;                    ///< folder of the checkpoints; empty: none are saved
  std::int64_t checkpoint_every = 0;  ///< steps between checkpoints; 0: only one at the end
  std::int64_t keep = 0;              ///< newest checkpoints that stay, beside the best one; 0: all of them
  bool save_in_background = true;     ///< see CheckpointSaver, which says what memory that takes
  /// Called when a checkpoint that is not the run's last could not be saved, whatever the reason: training goes on, and the
  /// next checkpoint is the next try. Where this is empty, and for the last checkpoint, the error ends the run. Called as
  /// well when any checkpoint was saved without a score, for `evaluate` failed.
  std::function<void(const std::exception&)> on_save_failed;
  /// The loss of a fixed set of data, a function of the weights alone. By it the best checkpoint is chosen; where
  /// there is none, by the mean loss of the last training steps. Called before each save.
  std::function<double()> evaluate;

  /// Whether a GPU records the third step and repeats that from then on. An objective must bear it: see
  /// TrainStepper.
  bool capture = true;

  /// Learning rate of a step, counted from 1.
  double rate_at(std::int64_t step) const {
    return rate * (schedule == RateSchedule::cosine ? cosine_rate(step, warmup, steps)
                                                    : constant_rate(step, warmup));
  }

  /// The largest norm of a gradient that is no outlier behind norms of this mean.
  double norm_limit(const RunningMean& norms) const {
    constexpr std::int64_t enough = 20;
    return skip_outliers > 0 && norms.count >= enough ? skip_outliers * norms.mean
                                                      : std::numeric_limits<double>::infinity();
  }
};

/// What a step did.
struct StepReport {
  std::int64_t step = 0;          ///< its number, from 1
  double loss = 0;                ///< mean over its batches, before the update
  double grad_norm = 0;           ///< of all gradients, before clipping
  double rate = 0;                ///< learning rate
  double norm_limit = 0;          ///< the step was skipped when grad_norm is above; infinity without a limit
  bool skipped = false;           ///< whether it changed nothing
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

namespace detail {

/// What explaining a loss that is not finite takes: the images of a micro-batch as they came.
struct SeenBatch {
  Tensor<float> images;
  std::vector<std::int64_t> samples;
};

/// Throws NonFiniteError with the likeliest reason of a loss that is not finite: weights, images, or neither.
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

/// Takes steps of training: gradients of `options.accumulation` batches, their norm, one update of the weights.
///
/// `objective(batch)` returns the loss of a TrainingBatch, one element. With options.capture a GPU calls it
/// three times (and three times more for the batches of a step after the first), and repeats what the last
/// call asked for from then on: so it must ask for the same operations each time, neither look at numbers on
/// the GPU nor copy from the host, and not depend on anything else that changes, batch.samples among them. See
/// GraphCapture. Batches of another shape make it begin anew.
///
/// Store, optimizer, objective and options must outlive this.
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
        record_({StepMeasurements::losses + options.accumulation}),
        measured_(static_cast<std::size_t>(record_.count())) {
    store_.start_state(optimizer_);  // now: a step allocates nothing
  }

  /// One step with batches of `next_batch()`, each a DataBatch. It depends on the weights, the data, the
  /// options, and `state`, which it advances. Throws NonFiniteError, naming the step and the parameter, when a
  /// loss or a gradient is not finite, and ValueError when the data do not go on where the state stands;
  /// weights and state are then as they were. A step that is skipped as an outlier advances the state alone.
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
    measure_gradients(store_, options_.clip_norm, losses_, record_, report.norm_limit);
    constexpr auto scale = StepMeasurements::scale;
    if constexpr (OptimizerOnDevice<AnOptimizer, Store>) {
      optimizer_.update(store_, settings, record_.rows(scale, scale + 1));
    }
    // Here the host waits for the device. Into memory that is there: the weights have changed already.
    MemoryTransfer<Device>::to_host(measured_.data(), record_.data(), record_.bytes());
    const std::vector<double>& record = measured_;
    check_and_report(record, report);
    if constexpr (!OptimizerOnDevice<AnOptimizer, Store>) {
      settings.gradient_scale = record[scale];
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
  /// Puts the next batch where the recorded work looks for it.
  template <class Data>
  void draw(const Data& data, std::uint64_t seed, std::uint32_t step) {
    // Whatever is thrown: recorded work must not look for tensors that are gone.
    struct ForgetRecordings {
      TrainStepper& stepper;
      const T* before = stepper.batch_.images.data();
      ~ForgetRecordings() {
        if (stepper.batch_.images.data() == before) return;
        stepper.first_.reset();
        stepper.later_.reset();
      }
    } const forget{*this};
    draw_training_batch(batch_, uploads_, data, options_.noising, seed, step);
    seen_.push_back({data.images, data.sample_ids});
  }

  /// Gradients of the batch, and its loss. This is what a GPU repeats.
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

  /// Loss and norm of a step; throws when one is not finite.
  void check_and_report(const std::vector<double>& record, StepReport& report) const {
    const double share = 1.0 / static_cast<double>(options_.accumulation);
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const double loss = record[StepMeasurements::losses + i];
      if (!std::isfinite(loss)) detail::explain_loss(store_, seen_[i], loss, report.step);
      report.loss += share * loss;
    }
    report.grad_norm = finite_norm(store_, record[StepMeasurements::squares], report.step);
    report.skipped = std::isnan(record[StepMeasurements::scale]);  // though all is finite
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
  Tensor<double, Device> record_;
  std::vector<double> measured_;  // the record on the host
  std::vector<detail::SeenBatch> seen_;
};

/// One step of a TrainStepper that is made for it, and records nothing.
template <class Policy, class AnOptimizer, class Objective, class NextBatch>
StepReport train_step(ParameterStore<Policy>& store, const AnOptimizer& optimizer, Objective& objective,
                      NextBatch& next_batch, TrainOptions options, TrainProgress& state) {
  options.capture = false;
  TrainStepper<Policy, AnOptimizer, Objective> stepper(store, optimizer, objective, options);
  return stepper(next_batch, state);
}

}  // namespace pixnerd
