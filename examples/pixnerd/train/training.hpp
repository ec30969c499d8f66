// SPDX-License-Identifier: MIT
/// \file
/// A training run in memory: model, parameters, data, and the library's options for them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/data/evaluation_batches.hpp>
#include <pixnerd/data/labels.hpp>
#include <pixnerd/data/loader.hpp>
#include <pixnerd/objectives/repa_objective.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/early_average.hpp>
#include <pixnerd/train/evaluation_loss.hpp>
#include <pixnerd/train/loop.hpp>
#include <pixnerd/zoo/registry.hpp>

#include "commands.hpp"
#include "host_memory.hpp"
#include "train/datasets.hpp"
#include "train/model_sizes.hpp"
#include "train/repa.hpp"
#include "train/start_weights.hpp"

namespace pixnerd::program {

/// A lower bound of the memory that training takes on the device, bytes: parameters, gradients, moments and
/// averages, of each image some pixels and the tokens that backward needs, and what REPA takes.
template <class Config>
double bytes_for_training(const Config& config, const TrainSettings& settings, std::int64_t parameters,
                          const std::optional<RepaPlan>& repa) {
  const auto pixels = static_cast<double>(settings.size * settings.size);
  const double tokens = pixels / static_cast<double>(config.patch * config.patch);
  const double image = 6 * 3 * pixels + 10 * tokens * static_cast<double>(config.width * config.depth);
  const double element = settings.precision == "mixed" ? 2 : 4;
  return 5.0 * sizeof(float) * static_cast<double>(parameters) +
         element * image * static_cast<double>(settings.batch) + (repa ? repa->bytes(settings) : 0);
}

/// Number of the model's parameters. Throws ValueError when a lower bound of what training takes is above
/// the memory of the device.
template <class Family>
std::int64_t check_fits_into_memory(const TrainSettings& settings, std::int64_t classes,
                                    const std::optional<RepaPlan>& repa, const DeviceChoice& where) {
  const auto config = config_of_settings<Family>(settings, classes);
  const std::int64_t parameters = parameter_count_of<Family>(config);
  const double needed = bytes_for_training(config, settings, parameters, repa);
  if (needed > where.memory) {
    raise<ValueError>("train",
                      str_cat("a training that fits into the ", std::llround(where.memory / 1e6), " MB of ",
                              where.memory_owner),
                      str_cat("one of at least ", std::llround(needed / 1e6), " MB: ", parameters,
                              " parameters and batches of ", settings.batch, " images of ", settings.size,
                              " pixels a side"));
  }
  return parameters;
}

/// Whether there is room on the host for the copy of the parameters that is saved while training goes on.
template <class Config>
bool can_save_in_background(const Config& config, const TrainSettings& settings, std::int64_t parameters,
                            const std::optional<RepaPlan>& repa, bool on_gpu) {
  const double training = on_gpu ? 0 : bytes_for_training(config, settings, parameters, repa);
  const std::int64_t saved = parameters + (repa ? repa->projector_parameters : 0);
  return training + 4.0 * sizeof(float) * static_cast<double>(saved) <= host_memory();
}

inline TrainOptions train_options(const TrainSettings& settings, const LabelFormat& labels) {
  TrainOptions out;
  out.steps = settings.steps;
  out.accumulation = settings.accumulate;
  out.rate = settings.lr;
  out.schedule = settings.schedule == "cosine" ? RateSchedule::cosine : RateSchedule::constant;
  out.warmup = settings.warmup;
  out.clip_norm = settings.clip;
  out.skip_outliers = settings.skip_outliers;
  out.average_decay = settings.ema;
  out.noising.times.distribution =
      settings.time == "uniform" ? TimeDistribution::uniform : TimeDistribution::log_normal;
  out.noising.times.shift = settings.shift;
  out.noising.label_dropout = settings.dropout;
  out.noising.null_label = labels.null_label;
  out.noising.label_shape = labels.shape;
  return out;
}

/// A model that is being trained, with REPA where there is an encoder, which must outlive this.
template <class Family, class Policy>
class Training {
 public:
  using Device = typename Policy::Device;
  using Model = typename Family::template Model<Policy>;
  using Store = ParameterStore<Policy>;

  Training(const TrainSettings& settings, std::int64_t classes, const RepaEncoder<Policy>& encoder)
      : settings_(settings),
        init_(static_cast<std::uint64_t>(settings.seed)),
        config_(config_of_settings<Family>(settings, classes)),
        labels_(Family::labels(config_)),
        model_(Family::template make<Policy>(config_, init_)),
        encoder_(encoder),
        repa_(make_repa()),
        store_(repa_ ? Store(model_, *repa_) : Store(model_)),
        options_(train_options(settings, labels_)) {
    store_.start_average();
    state.seed = static_cast<std::uint64_t>(settings.seed);
  }
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  TrainState state;

  TrainOptions& options() { return options_; }

  /// Begins a new run, with the weights that its settings name. Throws what take_start_weights() throws.
  void begin() {
    if (!settings_.start_from.empty()) take_start_weights(settings_.start_from, store_);
  }

  /// Goes back to a checkpoint. Throws FileError when it is damaged or one of another model.
  void resume(const std::string& checkpoint) { state = load_checkpoint(checkpoint, store_, optimizer()); }

  const typename Family::Config& config() const { return config_; }
  const LabelFormat& labels() const { return labels_; }
  const Model& model() const { return model_; }
  Store& store() { return store_; }
  WithEarlyAverage<AdamW> optimizer() const { return {{.weight_decay = settings_.weight_decay}}; }

  /// The model with averaged weights, which follow the training.
  Model averaged() const { return store_.averaged(model_); }

  /// The loss of a TrainingBatch; see TrainStepper.
  auto objective() {
    return [this](const auto& batch) {
      if (!repa_) return flow_matching_objective(model_)(batch);
      const auto watch = [this](const auto& alignment) {
        copy_into(alignments_, add(alignments_, alignment.reshape({})));
      };
      return repa_objective(model_, *repa_, *encoder_, LinearPath{}, watch)(batch);
    };
  }

  bool is_aligned() const { return repa_.has_value(); }

  /// The alignment, 1 - cosine, of the batches since this was called last, those of one step; 0 without REPA.
  double take_alignment() {
    if (!repa_) return 0;
    const double sum = static_cast<double>(alignments_.item());
    alignments_.zero();
    return sum / static_cast<double>(options_.accumulation);
  }

  /// The images in the order of training, from where the state stands.
  LoaderOptions loading() const {
    LoaderOptions loading;
    loading.size = static_cast<int>(settings_.size);
    loading.batch_size = static_cast<int>(settings_.batch);
    loading.seed = static_cast<std::uint64_t>(settings_.seed);
    loading.flip = settings_.flip;
    loading.captions = labels_.words.has_value();
    loading.start = state.samples;
    loading.workers = std::min(2, thread_count());
    return loading;
  }

  /// The next images with their labels.
  Batch next_batch(Loader& loader) const {
    Batch batch = loader.next();
    label_batch(labels_, batch);
    return batch;
  }

  /// Trains on until all steps are done or on_step(report) returns false; see pixnerd::train(). Checkpoints
  /// are compared by the loss of the averaged model on evaluation_batches().
  template <class OnStep>
  bool run(const OpenedData& data, OnStep on_step) {
    // Read now: an image that cannot be read must not be found after hours.
    std::vector<Batch> fixed;
    if (!options_.run.empty())
      fixed = evaluation_batches(data.compared, labels_, settings_.size, settings_.batch, state.seed);
    options_.evaluate = [&] {
      const Model model = averaged();
      return evaluation_loss<float, Device>(fixed, options_.noising, state.seed,
                                            flow_matching_objective(model));
    };
    Loader loader(data.images, loading());
    const auto next = [&] { return next_batch(loader); };
    const bool finished = train(store_, optimizer(), objective(), next, options_, state, on_step);
    options_.evaluate = {};
    return finished;
  }

 private:
  using Alignment = Repa<Policy>;

  std::optional<Alignment> make_repa() {
    if (!encoder_) return std::nullopt;
    return Alignment{
        {config_.width, encoder_->feature_width(), init_}, settings_.repa_block, settings_.repa_weight};
  }

  TrainSettings settings_;
  Initializer init_;
  typename Family::Config config_;
  LabelFormat labels_;
  Model model_;
  const RepaEncoder<Policy>& encoder_;
  std::optional<Alignment> repa_;
  Store store_;
  TrainOptions options_;
  /// The sum of the alignments of a step's batches, where a recorded step finds it.
  Tensor<typename Alignment::W, Device> alignments_ = Tensor<typename Alignment::W, Device>::zeros({});
};

}  // namespace pixnerd::program
