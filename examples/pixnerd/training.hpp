/// \file
/// A training run in memory: model, parameters, data, and the library's options for them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/data/loader.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/train/loop.hpp>

#include "commands.hpp"

namespace pixnerd::program {

inline PixnerdC2iConfig model_config(const TrainSettings& settings, std::int64_t classes) {
  return {.channels = 3,
          .patch = settings.patch,
          .width = settings.width,
          .heads = settings.heads,
          .depth = settings.depth,
          .field_depth = settings.field_depth,
          .field_features = settings.field_features,
          .field_ratio = settings.field_ratio,
          .classes = classes};
}

/// Number of parameters. Throws ValueError when what training surely takes is more than the memory of the
/// device: parameters, gradients, moments and averages, and of each image some pixels and the tokens that
/// backward needs.
inline std::int64_t check_fits_into_memory(const PixnerdC2iConfig& config, const TrainSettings& settings,
                                           const DeviceChoice& where) {
  auto shapes = Initializer::shapes_only();
  const std::int64_t parameters = parameter_count(PixnerdC2i<Cpu>(config, shapes));
  const auto pixels = static_cast<double>(settings.size * settings.size);
  const double tokens = pixels / static_cast<double>(config.patch * config.patch);
  const double image = 6 * 3 * pixels + 10 * tokens * static_cast<double>(config.width * config.depth);
  const double element = settings.precision == "mixed" ? 2 : 4;
  const double needed = 5.0 * sizeof(float) * static_cast<double>(parameters) +
                        element * image * static_cast<double>(settings.batch);
  if (needed > where.memory) {
    raise<ValueError>(
        "train",
        text("a training that fits into the ", std::llround(where.memory / 1e6), " MB of ",
             where.memory_owner),
        text("one of at least ", std::llround(needed / 1e6), " MB: ", parameters,
             " parameters and batches of ", settings.batch, " images of ", settings.size, " pixels a side"));
  }
  return parameters;
}

inline TrainOptions train_options(const TrainSettings& settings, std::int64_t classes) {
  TrainOptions out;
  out.steps = settings.steps;
  out.accumulation = settings.accumulate;
  out.rate = settings.lr;
  out.schedule = settings.schedule == "cosine" ? RateSchedule::cosine : RateSchedule::constant;
  out.warmup = settings.warmup;
  out.clip_norm = settings.clip;
  out.average_decay = settings.ema;
  out.noising.times.distribution =
      settings.time == "uniform" ? TimeDistribution::uniform : TimeDistribution::log_normal;
  out.noising.times.shift = settings.shift;
  out.noising.label_dropout = settings.dropout;
  out.noising.null_label = {classes};
  return out;
}

/// AdamW whose average forgets the random initial weights quickly: its decay is at most (1 + s) / (10 + s) in
/// step s.
struct AdamWithEarlyAverage {
  AdamW adamw;

  /// `scale` is what an OptimizerOnDevice is given besides.
  template <class Store, class... Scale>
  void update(Store& store, UpdateSettings settings, const Scale&... scale) const {
    const auto step = static_cast<double>(settings.step);
    settings.average_decay = std::min(settings.average_decay, (1 + step) / (10 + step));
    adamw.update(store, settings, scale...);
  }
};

/// A model that is being trained.
template <class Device, class Precision>
class Training {
 public:
  Training(const TrainSettings& settings, std::int64_t classes)
      : settings_(settings),
        init_(static_cast<std::uint64_t>(settings.seed)),
        model_(model_config(settings, classes), init_),
        store_(model_),
        options_(train_options(settings, classes)) {
    store_.start_average();
    state.seed = static_cast<std::uint64_t>(settings.seed);
  }
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  TrainState state;

  TrainOptions& options() { return options_; }

  /// Goes back to a checkpoint. Throws FileError when it is damaged or one of another model.
  void resume(const std::string& checkpoint) { state = load_checkpoint(checkpoint, store_); }

  /// The model with averaged weights, which follow the training.
  PixnerdC2i<Device, Precision> averaged() const { return store_.averaged(model_); }

  /// Trains on until all steps are done or on_step(report) returns false; see pixnerd::train().
  template <class OnStep>
  bool run(const AnyDataset& images, OnStep on_step) {
    LoaderOptions loading;
    loading.size = static_cast<int>(settings_.size);
    loading.batch_size = static_cast<int>(settings_.batch);
    loading.seed = static_cast<std::uint64_t>(settings_.seed);
    loading.flip = settings_.flip;
    loading.start = state.samples;
    loading.workers = std::min(2, thread_count());
    Loader loader(images, loading);
    const AdamWithEarlyAverage optimizer{{.weight_decay = settings_.weight_decay}};
    return train(
        store_, optimizer, flow_matching_objective(model_), [&] { return loader.next(); }, options_, state,
        on_step);
  }

 private:
  TrainSettings settings_;
  Initializer init_;
  PixnerdC2i<Device, Precision> model_;
  ParameterStore<Precision, Device> store_;
  TrainOptions options_;
};

}  // namespace pixnerd::program
