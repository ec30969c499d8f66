// SPDX-License-Identifier: MIT
/// \file
/// The loss on fixed data, which compares the weights of different steps.
#pragma once

#include <cstdint>
#include <vector>

#include <pixnerd/train/training_batch.hpp>

namespace pixnerd {

/// The mean of objective(TrainingBatch) over `batches`, each weighted by its number of samples; 0 for none.
///
/// Noise and times are those of step 0, which no training step uses, so they are the same in each call.
/// Labels are never dropped. `objective` returns one element, as for TrainStepper: give it the averaged model
/// to evaluate the EMA weights. Records nothing on a tape of the caller unless `objective` does. Throws as
/// draw_training_batch().
template <class T, class Device, DataBatch Data, class Objective>
double evaluation_loss(const std::vector<Data>& batches, NoisingOptions noising, std::uint64_t seed,
                       Objective&& objective) {
  noising.label_dropout = 0;
  double sum = 0;
  std::int64_t samples = 0;
  for (const Data& data : batches) {
    const auto batch = draw_training_batch<T, Device>(data, noising, seed, /*step=*/0);
    const auto count = batch.images.size(0);
    sum += static_cast<double>(objective(batch).item()) * static_cast<double>(count);
    samples += count;
  }
  return samples > 0 ? sum / static_cast<double>(samples) : 0;
}

}  // namespace pixnerd
