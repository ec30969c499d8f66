// SPDX-License-Identifier: MIT
// Times the library's training step (TrainStepper) of a class-conditional PixNerd on one batch of random
// images; the peer is benchmarks/pytorch_peer.py. Prints one line: step_seconds, images_per_second, peak_mb.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <vector>

#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/train/train_step.hpp>

using namespace pixnerd;

namespace {

/// The same images in every step, under new sample numbers.
struct Batch {
  Tensor<float> images;
  std::vector<std::int64_t> labels, sample_ids;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times a training step; the peer is pytorch_peer.py");
  std::int64_t batch = 32, steps = 10, warmup = 3, size = 32;
  int threads = thread_count();
  PixnerdC2iConfig config{.patch = 8,
                          .width = 192,
                          .heads = 6,
                          .depth = 6,
                          .decoder = {.depth = 2, .features = 32},
                          .classes = 10};
  app.add_option("--batch", batch, "images in a batch")->capture_default_str();
  app.add_option("--steps", steps, "steps that count")->capture_default_str();
  app.add_option("--warmup", warmup, "steps before them")->capture_default_str();
  app.add_option("--threads", threads, "threads")->capture_default_str();
  app.add_option("--size", size, "height and width of the images")->capture_default_str();
  app.add_option("--width", config.width)->capture_default_str();
  app.add_option("--heads", config.heads)->capture_default_str();
  app.add_option("--depth", config.depth)->capture_default_str();
  app.add_option("--field-depth", config.decoder.depth)->capture_default_str();
  app.add_option("--field-features", config.decoder.features)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  set_thread_count(threads);

  Initializer init(0);
  PixnerdC2i<On<Cpu>> model(config, init);
  ParameterStore store(model);
  store.start_average();
  const AdamW optimizer;
  TrainOptions options{.rate = 1e-3};
  options.noising.null_label = {config.classes};
  auto objective = flow_matching_objective(model);
  TrainStepper train_step(store, optimizer, objective, options);
  TrainProgress progress;

  Batch data{
      Tensor<float>({batch, 3, size, size}), {}, std::vector<std::int64_t>(static_cast<std::size_t>(batch))};
  fill_normal(data.images, {0, RandomPurpose::test, 0, 0});
  for (std::int64_t b = 0; b < batch; ++b) data.labels.push_back(b % config.classes);
  const auto next_batch = [&] {
    std::iota(data.sample_ids.begin(), data.sample_ids.end(), progress.samples);
    return data;
  };

  std::vector<double> seconds;
  for (std::int64_t step = 1; step <= warmup + steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    train_step(next_batch, progress);
    if (step > warmup)
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("step_seconds %.4f images_per_second %.1f peak_mb %.0f\n", median,
              static_cast<double>(batch) / median, static_cast<double>(usage.ru_maxrss) / 1024);
}
