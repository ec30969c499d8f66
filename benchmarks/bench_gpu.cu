// SPDX-License-Identifier: MIT
// Times this library on a GPU; gpu_table.py runs it beside PyTorch. Without arguments it names what it can
// measure.
//
//   bench_gpu NAME...    measures these; a line for each: NAME VARIANT milliseconds MEMORY_MIB
//   bench_gpu --serve    the same for names that come on standard input, one a line, and "done" after each
//
// Everything is in Mixed precision. Memory is what the pool holds for a whole training or model, and what an
// operation takes beside its operands.
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include <pixnerd/sampling/captured_model.hpp>
#include <pixnerd/train/train_step.hpp>

#include "gpu_timing.cuh"

namespace {

using namespace pixnerd;
using namespace pixnerd::benchmark;
using Model = PixnerdC2i<On<Cuda, Mixed>>;
using B16 = bfloat16;

void report(const std::string& name, const char* variant, double milliseconds, double memory) {
  std::printf("%s %s %.4f %.1f\n", name.c_str(), variant, milliseconds, memory);
  std::fflush(stdout);
}

/// The 5.7 M model of the quickstart.
PixnerdC2iConfig small_model() {
  return {.patch = 8,
          .width = 192,
          .heads = 6,
          .depth = 6,
          .decoder = {.depth = 2, .features = 32},
          .classes = 10};
}

struct Batch {
  Tensor<float> images;
  std::vector<std::int64_t> labels, sample_ids;
};

/// Steps of training on one batch of random images: flow matching, AdamW, averages.
class Training {
 public:
  Training(const PixnerdC2iConfig& config, std::int64_t batch, std::int64_t size, bool capture)
      : init_(0), model_(config, init_), store_(model_), objective_(flow_matching_objective(model_)) {
    store_.start_average();
    options_.rate = 1e-4;
    options_.noising.null_label = {config.classes};
    options_.capture = capture;
    batch_.images = Tensor<float>({batch, config.channels, size, size});
    fill_normal(batch_.images, {0, RandomPurpose::test, 0, 0});
    for (std::int64_t i = 0; i < batch; ++i) batch_.labels.push_back(i % config.classes);
    stepper_.emplace(store_, optimizer_, objective_, options_);
  }

  void operator()() {
    const auto next = [this] {
      batch_.sample_ids.clear();
      for (std::size_t i = 0; i < batch_.labels.size(); ++i)
        batch_.sample_ids.push_back(state_.samples + static_cast<std::int64_t>(i));
      return batch_;
    };
    (*stepper_)(next, state_);
  }

 private:
  using Objective = decltype(flow_matching_objective(std::declval<const Model&>()));

  Initializer init_;
  Model model_;
  ParameterStore<On<Cuda, Mixed>> store_;
  Objective objective_;
  AdamW optimizer_;
  TrainOptions options_;
  TrainProgress state_;
  Batch batch_;
  std::optional<TrainStepper<On<Cuda, Mixed>, AdamW, Objective>> stepper_;
};

void measure_training(const std::string& name, const PixnerdC2iConfig& config, std::int64_t batch,
                      std::int64_t size) {
  for (const bool capture : {true, false}) {
    const MemoryWatch memory;
    Training step(config, batch, size, capture);
    const double time = milliseconds_of(step);
    report(name, capture ? "ours" : "ours-uncaptured", time, memory.held());
  }
}

void measure_forward(const std::string& name, std::int64_t batch) {
  const PixnerdC2iConfig config;
  for (const bool capture : {true, false}) {
    const MemoryWatch memory;
    Initializer init(0);
    const Model model(config, init);
    const auto x = random<float>({batch, 3, 256, 256}, 0);
    const auto t = Tensor<float, Cuda>::full({batch}, 0.5f);
    const auto labels = Tensor<std::int64_t, Cuda>::full({batch}, 7);
    const CapturedModel replayed(model, labels, capture);
    const double time = milliseconds_of([&] { (void)replayed.forward(x, t, labels); });
    report(name, capture ? "ours" : "ours-uncaptured", time, memory.held());
  }
}

/// Times work(), forward alone or with its gradients, which are made anew each time.
template <class Forward, class Clear, class Gradient>
void measure_operation(const std::string& name, bool backward, Forward forward, Clear clear,
                       const Gradient& gradient) {
  const MemoryWatch memory;
  const double time = milliseconds_of([&] {
    if (!backward) {
      (void)forward();
      return;
    }
    clear();
    Tape tape;
    const auto y = forward();
    tape.backward(y, gradient);
  });
  report(name, "ours", time, memory.peak());
}

void measure_dit_block(const std::string& name, bool backward) {
  Initializer init(0);
  const DitBlock<On<Cuda, Mixed>> block(1152, 16, init);
  auto s = random<float>({32, 256, 1152}, 0), condition = random<float>({32, 1152}, 1);
  require_grad(s);
  require_grad(condition);
  const BlockContext<B16, Cuda> context{condition, rotary_table<float, Cuda>(16, 16, 72), {}};
  measure_operation(
      name, backward, [&] { return block(s, context); },
      [&] {
        clear_grad(s);
        clear_grad(condition);
        for_each_parameter(block, [](const std::string&, const auto& p) { clear_grad(p); });
      },
      random<float>({32, 256, 1152}, 2));
}

void measure_field_block(const std::string& name, bool backward) {
  Initializer init(0);
  const NeuralFieldBlock<On<Cuda, Mixed>> block(1152, 64, 2, init);
  auto pixels = random<B16>({8192, 256, 64}, 0), tokens = random<B16>({8192, 1152}, 1);
  require_grad(pixels);
  require_grad(tokens);
  measure_operation(
      name, backward, [&] { return block(pixels, tokens); },
      [&] {
        clear_grad(pixels);
        clear_grad(tokens);
        for_each_parameter(block, [](const std::string&, const auto& p) { clear_grad(p); });
      },
      random<B16>({8192, 256, 64}, 2));
}

void measure_attention(const std::string& name, bool backward, const Shape& shape) {
  auto q = random<B16>(shape, 0), k = random<B16>(shape, 1), v = random<B16>(shape, 2);
  for (auto* tensor : {&q, &k, &v}) require_grad(*tensor);
  measure_operation(
      name, backward, [&] { return attention(q, k, v); },
      [&] {
        for (auto* tensor : {&q, &k, &v}) clear_grad(*tensor);
      },
      random<B16>(shape, 3));
}

/// From nothing to the end of the first training step of XL/16; the caller takes the time.
void first_step() {
  Training step(PixnerdC2iConfig::extra_large(), 32, 256, true);
  step();
  report("first_step", "ours", 0, 0);
}

using Measurements = std::map<std::string, std::function<void(const std::string&)>>;

Measurements all_measurements() {
  Measurements out;
  out["train_xl"] = [](const auto& name) {
    measure_training(name, PixnerdC2iConfig::extra_large(), 32, 256);
  };
  out["train_small"] = [](const auto& name) { measure_training(name, small_model(), 64, 32); };
  out["forward_xl_2"] = [](const auto& name) { measure_forward(name, 2); };
  out["forward_xl_64"] = [](const auto& name) { measure_forward(name, 64); };
  for (const bool backward : {false, true}) {
    const std::string end = backward ? "_train" : "_forward";
    out["dit_block" + end] = [=](const auto& name) { measure_dit_block(name, backward); };
    out["field_block" + end] = [=](const auto& name) { measure_field_block(name, backward); };
    out["attention_xl" + end] = [=](const auto& name) {
      measure_attention(name, backward, {32, 256, 16, 72});
    };
    out["attention_t2i" + end] = [=](const auto& name) {
      measure_attention(name, backward, {2, 1152, 24, 64});
    };
  }
  out["first_step"] = [](const auto&) { first_step(); };
  return out;
}

/// One that fails does not end the others.
void measure(const Measurements& all, const std::string& name) {
  const auto found = all.find(name);
  try {
    if (found == all.end()) raise<ValueError>("bench_gpu", "the name of a measurement", name);
    found->second(name);
  } catch (const std::exception& error) {
    std::printf("%s ours failed: %s\n", name.c_str(), error.what());
  }
}

}  // namespace

int main(int count, char** arguments) {
  const auto all = all_measurements();
  if (count < 2) {
    for (const auto& [name, measurement] : all) std::puts(name.c_str());
    return 0;
  }
  if (cuda_device_count() == 0) {
    std::puts("skipped: no CUDA device");
    return 1;
  }
  if (std::strcmp(arguments[1], "--serve") != 0) {
    for (int i = 1; i < count; ++i) measure(all, arguments[i]);
    return 0;
  }
  std::string name;
  while (std::getline(std::cin, name)) {
    measure(all, name);
    MemoryPool<Cuda>::instance().trim();
    std::puts("done");
    std::fflush(stdout);
  }
}
