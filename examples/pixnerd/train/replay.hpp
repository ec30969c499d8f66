// SPDX-License-Identifier: MIT
/// \file
/// `pixnerd train --replay N`: what happened in one step, found by taking it once more.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <pixnerd/train/gradient_report.hpp>

#include "interrupt.hpp"
#include "progress.hpp"
#include "train/run_plan.hpp"

namespace pixnerd::program {

namespace detail {

/// The largest magnitude in a tensor, NaN when it holds NaN.
template <class T, class Device>
double largest_of(const Tensor<T, Device>& tensor) {
  double largest = 0;
  for (const T value : tensor.to_host()) {
    const double magnitude = std::fabs(static_cast<double>(value));
    if (!(magnitude <= largest)) largest = magnitude;
    if (std::isnan(largest)) break;
  }
  return largest;
}

/// Prints the samples of a batch, the model's output for them, and the largest tokens after its blocks.
template <class Family, class Policy>
void print_batch(const Training<Family, Policy>& training, const TrainOptions& options, const Batch& data,
                 const AnyDataset& images, const SampleOrder& order, std::int64_t step, std::int64_t number) {
  using Device = typename Policy::Device;
  const auto seed = training.state.seed;
  const auto batch =
      draw_training_batch<float, Device>(data, options.noising, seed, static_cast<std::uint32_t>(step));
  const auto sample = flow_sample(LinearPath{}, batch.images, batch.noise, batch.times);
  std::vector<double> tokens;
  const auto velocity = training.model().forward(
      sample.x, sample.t, batch.labels,
      [&](std::int64_t, const auto& behind_block) { tokens.push_back(largest_of(behind_block)); });
  const auto predicted = velocity.to_host(), wanted = sample.target.to_host();
  const auto labels = batch.labels.to_host();
  const auto times = batch.times.to_host();
  std::printf("batch %lld\n%12s %8s %-8s %8s %12s %12s  %s\n", static_cast<long long>(number), "sample",
              "image", "", "time", "loss", "largest x", training.labels().words ? "text" : "class");
  const std::size_t each = predicted.size() / times.size(), numbers = labels.size() / times.size();
  for (std::size_t i = 0; i < times.size(); ++i) {
    double loss = 0;
    for (std::size_t k = i * each; k < (i + 1) * each; ++k) {
      const double d = static_cast<double>(predicted[k]) - static_cast<double>(wanted[k]);
      loss += d * d;
    }
    const auto row = static_cast<std::int64_t>(i);
    const Sample place = order[data.sample_ids[i]];
    const auto first = static_cast<std::ptrdiff_t>(i * numbers);
    const bool dropped =
        !std::equal(labels.begin() + first, labels.begin() + first + static_cast<std::ptrdiff_t>(numbers),
                    data.labels.begin() + first);
    const std::string told =
        data.captions.empty() ? images.class_name(images.label(place.index)) : data.captions[i];
    std::printf("%12lld %8u %-8s %8.4f %12.5g %12.5g  %s%s\n", static_cast<long long>(data.sample_ids[i]),
                place.index, place.flip ? "mirrored" : "", times[i], loss / static_cast<double>(each),
                largest_of(sample.x.rows(row, row + 1)), printable(told).c_str(),
                dropped ? " (not shown)" : "");
  }
  std::string line = "largest tokens after the blocks:";
  for (const double largest : tokens) line += " " + number_text(largest, 4);
  std::printf("%s; largest velocity %s\n", line.c_str(), number_text(largest_of(velocity), 4).c_str());
}

template <class Store>
void print_gradients(const Store& store) {
  std::printf("%-52s %12s %12s %12s %12s\n", "parameter", "grad norm", "largest", "not finite",
              "weight norm");
  for (const auto& row : report_gradients(store)) {
    std::printf("%-52s %12.5g %12.5g %12lld %12.5g\n", row.name.c_str(), row.grad_norm, row.largest_gradient,
                static_cast<long long>(row.non_finite), row.weight_norm);
  }
}

}  // namespace detail

/// Trains up to a step and takes that, too, with a look at all that goes into it. Writes no file. Returns the
/// exit status of the program. Throws NonFiniteError when a step before goes wrong.
template <class Family, class Policy>
int replay_step(std::int64_t step, const RunPlan& plan, const RepaEncoder<Policy>& encoder) {
  const InterruptGuard interrupt;
  const TrainSettings& settings = plan.configuration.settings;
  Training<Family, Policy> training(settings, plan.data.images.class_count(), encoder);
  if (plan.checkpoint.empty()) {
    training.begin();
  } else {
    training.resume(plan.checkpoint);
  }
  const auto start = training.state.step;
  std::printf("replay     step %lld of %lld, from %s\n", static_cast<long long>(step),
              static_cast<long long>(settings.steps),
              plan.checkpoint.empty() ? "the start" : plan.checkpoint.c_str());
  std::fflush(stdout);
  Progress progress;
  if (start < step - 1) {
    training.run(plan.data, [&](const StepReport& report) {
      if (progress.due()) progress.show(str_cat("step ", report.step, " before ", step));
      (void)training.take_alignment();
      return report.step < step - 1 && !interrupt.requested();
    });
    progress.end_line();
  }
  if (interrupt.requested()) return interrupt.exit_status();

  TrainOptions options = training.options();
  Loader loader(plan.data.images, training.loading());
  const SampleOrder order(plan.data.images.size(), static_cast<std::uint64_t>(settings.seed), settings.flip);
  std::vector<Batch> batches;
  for (std::int64_t i = 0; i < settings.accumulate; ++i) {
    batches.push_back(training.next_batch(loader));
    detail::print_batch(training, options, batches.back(), plan.data.images, order, step, i + 1);
  }
  std::string outcome;
  auto next = batches.begin();
  const auto next_batch = [&] { return *next++; };
  const auto objective = training.objective();
  try {
    const auto report =
        train_step(training.store(), training.optimizer(), objective, next_batch, options, training.state);
    const double alignment = training.take_alignment();
    outcome = str_cat("loss ", report.loss, training.is_aligned() ? str_cat(", alignment ", alignment) : "",
                      ", gradient norm ", report.grad_norm, ", rate ", report.rate,
                      report.skipped ? str_cat(", skipped: above ", report.norm_limit) : "");
  } catch (const NonFiniteError& error) {
    outcome = error.what();
  }
  detail::print_gradients(training.store());
  std::printf("outcome    %s\n", outcome.c_str());
  return 0;
}

}  // namespace pixnerd::program
