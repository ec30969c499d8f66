// Times the training step of a class-conditional PixNerd on random images: flow matching, AdamW and EMA, as
// the peer benchmarks/pytorch_peer.py does it. Prints one line: step_seconds, images_per_second, peak_mb.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <pixnerd/diffusion/time_sampling.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/ops/random_fill.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/optim/grad_norm.hpp>

using namespace pixnerd;

int main(int argc, char** argv) {
  CLI::App app("Times a training step; the peer is pytorch_peer.py");
  std::int64_t batch = 32, steps = 10, warmup = 3, size = 32;
  int threads = thread_count();
  PixnerdC2iConfig config{.patch = 8,
                          .width = 192,
                          .heads = 6,
                          .depth = 6,
                          .field_depth = 2,
                          .field_features = 32,
                          .classes = 10};
  app.add_option("--batch", batch, "images in a batch")->capture_default_str();
  app.add_option("--steps", steps, "steps that count")->capture_default_str();
  app.add_option("--warmup", warmup, "steps before them")->capture_default_str();
  app.add_option("--threads", threads, "threads")->capture_default_str();
  app.add_option("--size", size, "height and width of the images")->capture_default_str();
  app.add_option("--width", config.width)->capture_default_str();
  app.add_option("--heads", config.heads)->capture_default_str();
  app.add_option("--depth", config.depth)->capture_default_str();
  app.add_option("--field-depth", config.field_depth)->capture_default_str();
  app.add_option("--field-features", config.field_features)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  set_thread_count(threads);

  Initializer init(0);
  PixnerdC2i<On<Cpu>> model(config, init);
  ParameterStore store(model);
  store.start_average();
  const AdamW optimizer;
  Tensor<float> images({batch, 3, size, size});
  fill_normal(images, {0, RandomPurpose::test, 0, 0});
  std::vector<double> seconds;
  for (std::int64_t step = 1; step <= warmup + steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    Tensor<float> noise(images.shape());
    fill_normal(noise, {0, RandomPurpose::noise, 0, static_cast<std::uint32_t>(step)});
    std::vector<double> times;
    std::vector<std::int64_t> labels;
    for (std::int64_t b = 0; b < batch; ++b) {
      const RandomKey key{0, RandomPurpose::time, static_cast<std::uint32_t>(b),
                          static_cast<std::uint32_t>(step)};
      times.push_back(sigmoid(static_cast<double>(random_normal(key))));
      labels.push_back(random_uniform(key, 7) < 0.1f ? config.classes : b % config.classes);
    }
    const auto y = Tensor<std::int64_t>::from_host({batch}, labels);
    store.zero_grad();
    {
      Tape tape;
      const auto loss =
          flow_matching_loss(LinearPath{}, images, noise, times,
                             [&](const auto& x, const auto& t) { return model.forward(x, t, y); });
      tape.backward(loss);
    }
    optimizer.update(store, {.step = step, .rate = 1e-3, .average_decay = 0.9999});
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
