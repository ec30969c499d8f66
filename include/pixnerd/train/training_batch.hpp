/// \file
/// What one micro-batch needs for flow matching: images, labels some of which are dropped, noise, times. All
/// of it is a function of the seed, the step and the number of each sample.
#pragma once

#include <concepts>
#include <cstdint>
#include <vector>

#include <pixnerd/flow/time_sampling.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// What a source of data returns: images (B, C, H, W) in [-1, 1], B labels, and B numbers of the samples in
/// the endless sequence that the source serves.
template <class B>
concept DataBatch = requires(const B& batch) {
  { batch.images } -> std::convertible_to<Tensor<float>>;
  { batch.labels } -> std::convertible_to<std::vector<std::int64_t>>;
  { batch.sample_ids } -> std::convertible_to<std::vector<std::int64_t>>;
};

/// How data are drawn for flow matching.
struct NoisingOptions {
  TimeSampling times;
  double label_dropout = 0.1;    ///< probability in [0, 1] that a label becomes the null class
  std::int64_t null_class = -1;  ///< K; needed unless label_dropout is 0
};

/// A micro-batch as an objective sees it.
template <class T, class Device>
struct TrainingBatch {
  Tensor<T, Device> images;             ///< (B, C, H, W) in [-1, 1]
  Tensor<std::int64_t, Device> labels;  ///< (B)
  Tensor<T, Device> noise;              ///< (B, C, H, W), standard normal
  std::vector<double> times;            ///< B of them, in [0, 1]
  std::vector<std::uint32_t> samples;   ///< B numbers, for random numbers of the objective's own
};

/// Draws labels, noise and times for the samples of `data` in one step.
/// Throws ShapeError unless there are as many labels and numbers as images, ValueError for an option out of
/// range.
template <class T, class Device, DataBatch Data>
TrainingBatch<T, Device> draw_training_batch(const Data& data, const NoisingOptions& options,
                                             std::uint64_t seed, std::uint32_t step) {
  const Tensor<float>& images = data.images;
  const std::int64_t batch = images.rank() == 4 ? images.size(0) : -1;
  if (static_cast<std::int64_t>(data.labels.size()) != batch ||
      data.sample_ids.size() != data.labels.size()) {
    raise<ShapeError>("training batch", "images (B, C, H, W), B labels and B sample numbers",
                      text("images ", images.shape(), ", ", data.labels.size(), " labels and ",
                           data.sample_ids.size(), " numbers"));
  }
  if (!(options.label_dropout >= 0 && options.label_dropout <= 1)) {
    raise<ValueError>("training batch", "a label dropout in [0, 1]", text(options.label_dropout));
  }
  if (options.label_dropout > 0 && options.null_class < 0) {
    raise<ValueError>("training batch", "a null class, for labels are dropped", text(options.null_class));
  }
  TrainingBatch<T, Device> out;
  if constexpr (std::same_as<Tensor<T, Device>, Tensor<float>>) {
    out.images = images;
  } else {
    const auto host = images.to_host();
    out.images = Tensor<T, Device>::from_host(images.shape(), std::vector<T>(host.begin(), host.end()));
  }
  // Numbers beyond 2^32 wrap around: the step keeps their random numbers apart.
  for (const auto id : data.sample_ids) out.samples.push_back(static_cast<std::uint32_t>(id));
  std::vector<std::int64_t> labels(data.labels);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const RandomKey key{seed, RandomPurpose::label_dropout, out.samples[i], step};
    if (random_uniform(key) < options.label_dropout) labels[i] = options.null_class;
  }
  out.labels = Tensor<std::int64_t, Device>::from_host({batch}, labels);
  out.noise = Tensor<T, Device>(images.shape());
  fill_normal_per_sample(out.noise, seed, RandomPurpose::noise, out.samples, step);
  out.times = sample_times(options.times, seed, out.samples, step);
  return out;
}

}  // namespace pixnerd
