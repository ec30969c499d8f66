// SPDX-License-Identifier: MIT
/// \file
/// The inputs of one micro-batch of flow matching: images, labels (some dropped), noise, times. All of it is
/// a function of the seed, the step and the number of each sample.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pixnerd/core/upload.hpp>
#include <pixnerd/diffusion/time_sampling.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// A batch from a data source: images (B, C, H, W) in [-1, 1], a label for each, and the B numbers of the
/// samples in the endless sequence that the source serves. A label is a class, or as many numbers as
/// NoisingOptions::label_shape has elements, such as the words of a text.
template <class B>
concept DataBatch = requires(const B& batch) {
  { batch.images } -> std::convertible_to<Tensor<float>>;
  { batch.labels } -> std::convertible_to<std::vector<std::int64_t>>;
  { batch.sample_ids } -> std::convertible_to<std::vector<std::int64_t>>;
};

/// How labels are dropped and times drawn for flow matching.
struct NoisingOptions {
  TimeSampling times;
  double label_dropout = 0.1;            ///< probability in [0, 1] that a label becomes the null label
  std::vector<std::int64_t> null_label;  ///< such as K for K classes; needed unless label_dropout is 0
  Shape label_shape;                     ///< of one label: () for a class, (n, G) for words
};

/// A micro-batch, the input of an objective.
template <class T, class Device>
struct TrainingBatch {
  Tensor<T, Device> images;                      ///< (B, C, H, W) in [-1, 1]
  Tensor<std::int64_t, Device> labels;           ///< (B), or (B, ...) with the axes of a label
  Tensor<T, Device> noise;                       ///< (B, C, H, W), standard normal
  Tensor<double, Device> times;                  ///< (B), in [0, 1]
  std::vector<std::uint32_t> samples;            ///< B numbers, to key the objective's own random numbers
  Tensor<std::uint32_t, Device> sample_numbers;  ///< (B): the same, on the device of the images
};

/// The ways of a batch's numbers from the host to where they are needed; kept from batch to batch.
template <class Device>
struct BatchUploads {
  Upload<Device> images, labels, times, samples;
};

namespace detail {

/// Throws ShapeError or ValueError when no batch can be drawn from this data.
inline void check_data_batch(const Shape& images, std::size_t labels, std::size_t sample_ids,
                             const NoisingOptions& options) {
  const std::int64_t batch = images.rank() == 4 ? images[0] : -1;
  const std::int64_t each = options.label_shape.count();
  if (static_cast<std::int64_t>(labels) != batch * each || static_cast<std::int64_t>(sample_ids) != batch) {
    raise<ShapeError>(
        "training batch",
        str_cat("images (B, C, H, W), B labels", each == 1 ? "" : str_cat(" of ", each, " numbers"),
                " and B sample numbers"),
        str_cat("images ", images, ", ", labels, " numbers of labels and ", sample_ids, " of samples"));
  }
  if (!(options.label_dropout >= 0 && options.label_dropout <= 1)) {
    raise<ValueError>("training batch", "a label dropout in [0, 1]", str_cat(options.label_dropout));
  }
  if (options.label_dropout > 0 && static_cast<std::int64_t>(options.null_label.size()) != each) {
    raise<ValueError>("training batch", str_cat("a null label of ", each, " numbers, for labels are dropped"),
                      str_cat(options.null_label.size()));
  }
}

/// Fills a tensor on the device with numbers from the host, converted where they have another type.
template <class T, class Device, class From>
void upload_numbers(Upload<Device>& upload, const Tensor<T, Device>& to, const From* from) {
  if constexpr (std::same_as<T, From>) {
    upload(to.data(), from, to.bytes());
  } else {
    const std::vector<T> converted(from, from + to.count());
    upload(to.data(), converted.data(), to.bytes());
  }
}

}  // namespace detail

/// Draws labels, noise and times for the samples of `data` in one step. Tensors of `out` that have the right
/// shape keep their memory, so a captured graph finds the next batch there. Throws ShapeError unless there
/// are as many labels and numbers as images, ValueError for an option out of range.
template <class T, class Device, DataBatch Data>
void draw_training_batch(TrainingBatch<T, Device>& out, BatchUploads<Device>& uploads, const Data& data,
                         const NoisingOptions& options, std::uint64_t seed, std::uint32_t step) {
  const Tensor<float>& images = data.images;
  detail::check_data_batch(images.shape(), data.labels.size(), data.sample_ids.size(), options);
  const Shape batch{images.size(0)};
  Shape labels_shape = batch;
  for (const std::int64_t size : options.label_shape) labels_shape.push_back(size);
  if (!out.images.defined() || !(out.images.shape() == images.shape()) ||
      !(out.labels.shape() == labels_shape)) {
    out = {Tensor<T, Device>(images.shape()),
           Tensor<std::int64_t, Device>(labels_shape),
           Tensor<T, Device>(images.shape()),
           Tensor<double, Device>(batch),
           {},
           Tensor<std::uint32_t, Device>(batch)};
  }
  // Numbers beyond 2^32 wrap around; the step still makes their random numbers differ.
  out.samples.clear();
  for (const auto id : data.sample_ids) out.samples.push_back(static_cast<std::uint32_t>(id));
  std::vector<std::int64_t> labels(data.labels);
  const std::size_t each = options.null_label.size();
  for (std::size_t i = 0; i < out.samples.size(); ++i) {
    const RandomKey key{seed, RandomPurpose::label_dropout, out.samples[i], step};
    if (random_uniform(key) < options.label_dropout)
      std::copy_n(options.null_label.begin(), each, labels.begin() + static_cast<std::ptrdiff_t>(i * each));
  }
  const auto times = sample_times(options.times, seed, out.samples, step);
  detail::upload_numbers(uploads.images, out.images, images.data());
  detail::upload_numbers(uploads.labels, out.labels, labels.data());
  detail::upload_numbers(uploads.times, out.times, times.data());
  detail::upload_numbers(uploads.samples, out.sample_numbers, out.samples.data());
  fill_normal_per_sample(out.noise, seed, RandomPurpose::noise, out.sample_numbers, step);
}

/// The same, as a new batch.
template <class T, class Device, DataBatch Data>
TrainingBatch<T, Device> draw_training_batch(const Data& data, const NoisingOptions& options,
                                             std::uint64_t seed, std::uint32_t step) {
  TrainingBatch<T, Device> out;
  BatchUploads<Device> uploads;
  draw_training_batch(out, uploads, data, options, seed, step);
  return out;
}

}  // namespace pixnerd
