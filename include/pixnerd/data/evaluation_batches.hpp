// SPDX-License-Identifier: MIT
/// \file
/// The images by which checkpoints of a run are compared.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <pixnerd/data/labels.hpp>
#include <pixnerd/data/loader.hpp>
#include <pixnerd/data/order.hpp>
#include <pixnerd/image/pixels.hpp>

namespace pixnerd {

/// Up to `most` images of a data set, as size x size pixels in batches of `batch`, with their labels: the
/// same ones for each seed, never mirrored. Of several captions each image has its first. Throws what reading
/// throws.
inline std::vector<Batch> evaluation_batches(const AnyDataset& images, const LabelFormat& labels,
                                             std::int64_t size, std::int64_t batch, std::uint64_t seed,
                                             std::int64_t most = 64) {
  const std::int64_t count = std::min(most, images.size());
  const SampleOrder order(images.size(), seed, /*flip=*/false);
  const int side = static_cast<int>(size);
  std::vector<Batch> out;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % batch == 0) {
      const std::int64_t samples = std::min(batch, count - i);
      out.push_back({Tensor<float>({samples, 3, size, size}), {}, {}, {}});
    }
    Batch& last = out.back();
    const std::int64_t index = order[i].index;
    const Image image = images.read(index, side).image;
    write_planes(image.rgb.data(), side, side, /*flip=*/false,
                 last.images.data() + i % batch * (3 * size * size));
    last.labels.push_back(images.label(index));
    last.sample_ids.push_back(i);
    if (labels.words) last.captions.push_back(images.captions(index).front());
  }
  for (Batch& each : out) label_batch(labels, each);
  return out;
}

}  // namespace pixnerd
