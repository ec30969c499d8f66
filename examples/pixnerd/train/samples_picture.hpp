// SPDX-License-Identifier: MIT
/// \file
/// The pictures of samples that a training run leaves behind.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <pixnerd/image/png.hpp>

#include <pixnerd/data/labels.hpp>
#include "interrupt.hpp"
#include "sample/drawing.hpp"
#include "train/settings.hpp"

namespace pixnerd::program {

/// How many samples in how many columns, and how many steps of the solver each takes.
struct SamplesPicture {
  std::int64_t count;
  int columns;
  int steps;

  /// What it costs to draw: images that the model is shown, with class and without.
  double work() const { return 2.0 * static_cast<double>(count) * steps; }
};

inline constexpr SamplesPicture picture_between{16, 4, 25};  ///< while the training goes on
inline constexpr SamplesPicture picture_at_end{32, 8, 50};

/// Draws samples of classes, or captions, spread over all of the data's. Returns false, and writes nothing,
/// when interrupted.
template <class Device, class Model>
bool write_samples(const std::string& path, const Model& model, const LabelFormat& format,
                   const AnyDataset& images, const TrainSettings& settings, const SamplesPicture& picture,
                   const InterruptGuard& interrupt) {
  DrawOptions options;
  options.height = options.width = settings.size;
  options.seed = static_cast<std::uint64_t>(settings.seed);
  options.grid = TimeGrid(picture.steps, settings.shift);
  options.progress = [&](double) { return !interrupt.requested(); };
  auto drawing = draw<Device>(model, format, spread_labels(format, images, picture.count).numbers, options);
  if (drawing.images.empty()) return false;
  write_png(path,
            picture_of(std::move(drawing.images), picture.columns, zoom_of(settings.size, settings.size)));
  return true;
}

}  // namespace pixnerd::program
