// SPDX-License-Identifier: MIT
// A model small enough to be trained on an emulated GPU in many runs: one factor a pixel.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include <pixnerd/cuda/warp.cuh>
#include <pixnerd/train/train_step.hpp>

namespace pixnerd::test {

namespace {

constexpr std::int64_t pixels = 3 * 4 * 5;

/// The loss of a model that has one factor a pixel: mean over all of (factor x + label - velocity)^2.
__global__ void toy_loss(std::int64_t batch, const float* factor, const float* x, const std::int64_t* labels,
                         const float* velocity, float* loss) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < batch * pixels; i += blockDim.x) {
    const double d = factor[i % pixels] * x[i] + static_cast<float>(labels[i / pixels]) - velocity[i];
    sum += d * d;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / static_cast<double>(batch * pixels));
}

__global__ void toy_gradient(std::int64_t batch, const float* factor, const float* x,
                             const std::int64_t* labels, const float* velocity, const float* grad_loss,
                             GradTarget<float> grad_factor) {
  const std::int64_t j = threadIdx.x;
  if (j >= pixels) return;
  float sum = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t i = b * pixels + j;
    sum += 2 * x[i] * (factor[j] * x[i] + static_cast<float>(labels[b]) - velocity[i]);
  }
  grad_factor.put(j, *grad_loss * sum / static_cast<float>(batch * pixels));
}

struct ToyModel {
  Tensor<float, Cuda> factor, unused;

  ToyModel()
      : factor(Tensor<float, Cuda>::full({pixels}, 0.5f)), unused(Tensor<float, Cuda>::full({5}, 1.0f)) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("factor", self.factor);
    visitor("unused", self.unused);
  }
};

/// The objective, which counts how often it was called.
struct ToyObjective {
  const ToyModel& model;
  int calls = 0;

  Tensor<float, Cuda> operator()(const TrainingBatch<float, Cuda>& batch) {
    ++calls;
    const auto sample = flow_sample(LinearPath{}, batch.images, batch.noise, batch.times);
    Tensor<float, Cuda> loss{Shape{}};
    const std::int64_t count = batch.images.size(0);
    const auto factor = model.factor;
    launch("toy", toy_loss, 1, 128, 0, count, factor.data(), sample.x.data(), batch.labels.data(),
           sample.target.data(), loss.data());
    record(loss, [=, labels = batch.labels](const Tensor<float, Cuda>& grad_loss) {
      launch("toy", toy_gradient, 1, 128, 0, count, factor.data(), sample.x.data(), labels.data(),
             sample.target.data(), grad_loss.data(), grad_target<float>(factor.slot()));
    });
    return loss;
  }
};

/// A data set without end.
struct Noise {
  std::int64_t next = 0, batch = 4;
  std::int64_t poisoned = -1;         ///< number of a sample that is not finite
  std::vector<std::int64_t> large{};  ///< numbers of samples that make gradients large
  std::int64_t height = 4, width = 5;

  struct Batch {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };
  Batch operator()() {
    Batch out{Tensor<float>({batch, 3, height, width}), {}, {}};
    for (std::int64_t i = 0; i < batch; ++i, ++next) {
      const auto row = out.images.rows(i, i + 1);
      fill_uniform(row, {5, RandomPurpose::test, static_cast<std::uint32_t>(next), 0});
      for (const std::int64_t sample : large) {
        if (next == sample) row.data()[7] = 1e4f;
      }
      if (next == poisoned) row.data()[7] = std::numeric_limits<float>::infinity();
      out.labels.push_back(next % 3);
      out.sample_ids.push_back(next);
    }
    return out;
  }
};

TrainOptions toy_options() {
  TrainOptions options;
  options.steps = 12;
  options.rate = 0.01;
  options.schedule = RateSchedule::cosine;
  options.clip_norm = 0.5;
  options.average_decay = 0.9;
  options.noising.null_label = {3};
  return options;
}

}  // namespace
}  // namespace pixnerd::test
