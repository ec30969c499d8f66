// SPDX-License-Identifier: MIT
// Lesson 5: train PixNerd on real images, and sample from it. All of the training is in the calls below; the
// program `pixnerd train` adds options, progress and plots. Takes about half a minute; for good pictures
// train longer.
//
//   build/cpu/bin/05_train [STEPS]
#include <cstdio>
#include <cstdlib>

#include <pixnerd/data/emoji/emoji.hpp>
#include <pixnerd/data/loader.hpp>
#include <pixnerd/image/grid.hpp>
#include <pixnerd/image/pixels.hpp>
#include <pixnerd/image/png.hpp>
#include <pixnerd/pixnerd.hpp>
#include <pixnerd/train/loop.hpp>

using namespace pixnerd;

int main(int argc, char** argv) {
  try {
    const Emoji data;  // 32x32 pictures of smileys, animals and food; the class is Unicode's subgroup
    Initializer init(0);
    PixnerdC2i model({.patch = 8,
                      .width = 128,
                      .heads = 4,
                      .depth = 4,
                      .decoder = {.depth = 2, .features = 32},
                      .classes = data.class_count()},
                     init);
    ParameterStore store(model);
    store.start_average();

    TrainOptions options;
    options.steps = argc > 1 ? std::atoll(argv[1]) : 300;
    options.rate = 1e-3;
    options.schedule = RateSchedule::cosine;
    options.average_decay = 0.99;
    options.noising.null_label = {data.class_count()};
    TrainState state;
    Loader loader(AnyDataset(data), {.size = 32, .batch_size = 32, .seed = state.seed});
    train(
        store, AdamW{}, flow_matching_objective(model), [&] { return loader.next(); }, options, state,
        [](const StepReport& report) {
          if (report.step % 50 == 0) {
            std::printf("step %lld: loss %.3f, %.0f images/s\n", static_cast<long long>(report.step),
                        report.loss, report.samples_per_second);
          }
          return true;  // false would stop here
        });

    // Sixteen classes, drawn with the EMA weights.
    std::vector<std::int64_t> classes;
    for (std::int64_t i = 0; i < 16; ++i) classes.push_back(i % data.class_count());
    const auto labels = Tensor<std::int64_t>::from_host({16}, classes);
    const auto samples =
        sample(store.averaged(model), labels, {.solver = "adams2", .grid = TimeGrid(25), .seed = 1});
    write_png("05_train.png", image_grid(to_images(samples.images), 4));
    std::printf("16 samples are in 05_train.png\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "05_train: %s\n", error.what());
    return 1;
  }
}
