// SPDX-License-Identifier: MIT
// Trains a small model in float32 and in bfloat16 on the same images, noise and times, and compares the
// losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <pixnerd/train/train_step.hpp>

namespace pixnerd::benchmark {

inline constexpr std::int64_t curve_classes = 4, curve_size = 32, curve_batch = 16;

/// Endless images without repeats: waves whose direction and length a class decides, phase and color each
/// image's own.
struct Waves {
  std::uint64_t seed;
  std::int64_t next = 0;

  struct Data {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };

  Data operator()() {
    Data out{Tensor<float>({curve_batch, 3, curve_size, curve_size}), {}, {}};
    float* to = out.images.data();
    for (std::int64_t b = 0; b < curve_batch; ++b, ++next) {
      const RandomKey key{seed, RandomPurpose::test, static_cast<std::uint32_t>(next), 0};
      const std::int64_t label = next % curve_classes;
      const float x_wave = 0.2f * static_cast<float>(label), y_wave = 0.6f - x_wave;
      for (std::uint32_t c = 0; c < 3; ++c) {
        const float phase = 6.2831853f * random_uniform(key, 0), strength = random_uniform(key, 1 + c);
        for (std::int64_t y = 0; y < curve_size; ++y) {
          for (std::int64_t x = 0; x < curve_size; ++x) {
            const float angle = x_wave * static_cast<float>(x) + y_wave * static_cast<float>(y) + phase;
            *to++ = strength * std::sin(angle);
          }
        }
      }
      out.labels.push_back(label);
      out.sample_ids.push_back(next);
    }
    return out;
  }
};

/// The loss of every step.
template <class Policy>
std::vector<double> train_losses(const PixnerdC2iConfig& config, std::uint64_t seed, std::int64_t steps) {
  Initializer init(seed);
  PixnerdC2i<Policy> model(config, init);
  ParameterStore<Policy> store(model);
  store.start_average();
  TrainOptions options;
  options.steps = steps;
  options.rate = 1e-3;
  options.schedule = RateSchedule::cosine;
  options.warmup = 50;
  options.clip_norm = 1;
  options.noising.null_label = {curve_classes};
  auto objective = flow_matching_objective(model);
  const AdamW optimizer;
  TrainStepper<Policy, AdamW, decltype(objective)> take_step(store, optimizer, objective, options);
  TrainProgress state;
  state.seed = seed;
  Waves waves{seed};
  std::vector<double> losses;
  for (std::int64_t i = 0; i < steps; ++i) losses.push_back(take_step(waves, state).loss);
  return losses;
}

/// Compares over three seeds and prints a table. Returns whether the mean of the last fifth of the losses is
/// within 1 %.
template <class Device>
bool compare_curves(const PixnerdC2iConfig& config, std::int64_t steps) {
  const auto mean = [&](const std::vector<double>& losses, double from, double to) {
    const auto begin = losses.begin() + std::llround(from * static_cast<double>(steps)),
               end = losses.begin() + std::llround(to * static_cast<double>(steps));
    double sum = 0;
    for (auto at = begin; at != end; ++at) sum += *at;
    return sum / static_cast<double>(end - begin);
  };
  std::printf("| Seed | Steps | float32 | bfloat16 | Difference |\n| --- | --- | --- | --- | --- |\n");
  double full_sum = 0, mixed_sum = 0;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto full = train_losses<On<Device>>(config, seed, steps);
    const auto mixed = train_losses<On<Device, Mixed>>(config, seed, steps);
    for (const double part : {0.0, 0.2, 0.4, 0.6, 0.8}) {
      const double a = mean(full, part, part + 0.2), b = mean(mixed, part, part + 0.2);
      std::printf("| %d | %lld to %lld | %.5f | %.5f | %+.2f %% |\n", static_cast<int>(seed),
                  std::llround(part * static_cast<double>(steps)) + 1,
                  std::llround((part + 0.2) * static_cast<double>(steps)), a, b, 100 * (b / a - 1));
    }
    std::fflush(stdout);
    full_sum += mean(full, 0.8, 1);
    mixed_sum += mean(mixed, 0.8, 1);
  }
  const double difference = mixed_sum / full_sum - 1;
  const bool good = std::abs(difference) <= 0.01;  // NaN is not
  std::printf("last fifth of the steps, mean over the seeds: bfloat16 is off by %+.2f %%, allowed 1 %%%s\n",
              100 * difference, good ? "" : ": FAIL");
  return good;
}

}  // namespace pixnerd::benchmark
