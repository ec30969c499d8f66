// SPDX-License-Identifier: MIT
/// \file
/// Drawing images with a model: the work that `sample` and the pictures of a training run share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <pixnerd/image/grid.hpp>
#include <pixnerd/image/pixels.hpp>
#include <pixnerd/sampling/sample.hpp>
#include <pixnerd/zoo/registry.hpp>

namespace pixnerd::program {

/// How images are drawn: options of sample(), and those of some families of models.
struct DrawOptions : SampleOptions {
  DecoderScale scale = {};                ///< of text-to-image models
  std::vector<std::int64_t> second = {};  ///< labels to blend with; empty: none
};

/// What was drawn: nothing when `progress` stopped it.
struct Drawing {
  std::vector<Image> images;
  std::vector<std::vector<Image>> trajectories;  ///< of an image: noise, the point after each step
  double seconds = 0;                            ///< that it took
};

namespace detail {

/// Tokens of an image.
template <class Config>
std::int64_t patches_of(const Config& config, const DrawOptions& options) {
  const double patch = static_cast<double>(config.patch);
  return std::llround(static_cast<double>(options.height) / (patch * options.scale.height)) *
         std::llround(static_cast<double>(options.width) / (patch * options.scale.width));
}

}  // namespace detail

/// A lower bound of the elements of memory that drawing `count` images takes beside the model: for each patch
/// its token with queries, keys, values and the MLP's rows, the neural field's weights, 2 F F*r, and the
/// features of its pixels before and after a field block; twice that with guidance, which evaluates each
/// image with and without its condition.
template <class Config>
double elements_to_draw(const Config& config, const DrawOptions& options, std::int64_t count) {
  const std::int64_t patches = detail::patches_of(config, options);
  const auto images = static_cast<double>(std::min(count, pixnerd::detail::images_at_once(patches)));
  const auto features = static_cast<double>(config.decoder.features);
  const double pixels =
      static_cast<double>(config.patch * config.patch) * options.scale.height * options.scale.width;
  const double token = 6 * static_cast<double>(config.width);
  const double field =
      config.decoder.depth == 0
          ? 0
          : 2 * features * features * static_cast<double>(config.decoder.ratio) + 2 * pixels * features;
  const double sides = options.guidance.scale == 1 ? 1 : 2;
  return sides * images * static_cast<double>(patches) * std::max(token, field);
}

/// The model for images of another resolution. Class-conditional models have only one: `scale` is 1 for them.
template <class Policy>
const PixnerdC2i<Policy>& decoded_at(const PixnerdC2i<Policy>& model, const DecoderScale&) {
  return model;
}
template <class Model, class AConditioner>
ConditionedModel<Model, AConditioner> decoded_at(const ConditionedModel<Model, AConditioner>& model,
                                                 const DecoderScale& scale) {
  return model.decoded_at(scale);
}

/// Draws an image for each label of `numbers`; see sample().
template <class Device, class Model>
Drawing draw(const Model& model, const LabelFormat& format, const std::vector<std::int64_t>& numbers,
             const DrawOptions& options) {
  Shape shape{static_cast<std::int64_t>(numbers.size()) / format.count()};
  for (const std::int64_t size : format.shape) shape.push_back(size);
  const auto labels = [&](const std::vector<std::int64_t>& of) {
    using Labels = Tensor<std::int64_t, Device>;
    return of.empty() ? Labels() : Labels::from_host(shape, of);
  };
  const auto samples =
      sample(decoded_at(model, options.scale), labels(numbers), options, labels(options.second));
  Drawing drawing;
  if (!samples.images.defined()) return drawing;
  drawing.images = to_images(samples.images);
  for (const auto& trajectory : samples.trajectories) drawing.trajectories.push_back(to_images(trajectory));
  return drawing;
}

/// How often small images are enlarged, so that they can be looked at.
inline int zoom_of(std::int64_t height, std::int64_t width) {
  return static_cast<int>(std::max<std::int64_t>(1, 96 / std::max(height, width)));
}

/// Images in a grid, each enlarged.
inline Image picture_of(std::vector<Image> images, int columns, int zoom) {
  for (auto& image : images) image = enlarged(image, zoom);
  return image_grid(images, columns, 2);
}

}  // namespace pixnerd::program
