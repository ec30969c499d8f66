// SPDX-License-Identifier: MIT
// How well samples of an emoji run follow their class: the share whose nearest training image (L2 over all
// pixels) has the class that they were asked for. Chance is about 1/32.
//
//   bench_emoji_classes RUN [SAMPLES_PER_CLASS]
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <pixnerd/data/emoji/emoji.hpp>
#include <pixnerd/pixnerd.hpp>

#include "pixnerd/files/trained_model.hpp"
#include "pixnerd/sample/drawing.hpp"

using namespace pixnerd;

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "bench_emoji_classes: expected RUN [SAMPLES_PER_CLASS], got no run\n");
    return 2;
  }
  try {
    std::vector<std::string> damaged;
    const auto trained = program::model_of_run(argv[1], true, damaged);
    const Emoji data;
    if (trained.classes.size() != static_cast<std::size_t>(data.class_count())) {
      raise<ValueError>("bench_emoji_classes",
                        str_cat("a run on the ", data.class_count(), " classes of emoji"),
                        str_cat(trained.classes.size(), " classes"));
    }
    std::vector<Example> examples;
    for (std::int64_t i = 0; i < data.size(); ++i)
      examples.push_back(data.read(i, static_cast<int>(trained.size)));
    std::vector<std::int64_t> labels;
    const int each = argc > 2 ? std::atoi(argv[2]) : 8;
    for (int i = 0; i < each; ++i) {
      for (std::int64_t k = 0; k < data.class_count(); ++k) labels.push_back(k);
    }
    program::DrawOptions options;
    options.height = options.width = trained.size;
    options.seed = 1;
    const auto& config = std::get<PixnerdC2iConfig>(trained.config);
    const auto model = load_model<PixnerdClasses, On<Cpu>>(*trained.file, trained.prefix, config);
    const auto drawing = program::draw<Cpu>(model, PixnerdClasses::labels(config), labels, options);
    std::size_t hits = 0;
    for (std::size_t s = 0; s < labels.size(); ++s) {
      std::int64_t nearest = -1, least = std::numeric_limits<std::int64_t>::max();
      for (const auto& example : examples) {
        std::int64_t distance = 0;
        for (std::size_t i = 0; i < example.image.rgb.size(); ++i) {
          const int d = int(example.image.rgb[i]) - int(drawing.images[s].rgb[i]);
          distance += d * d;
        }
        if (distance < least) {
          least = distance;
          nearest = example.label;
        }
      }
      hits += nearest == labels[s];
    }
    std::printf("%zu of %zu samples (%.0f %%) are nearest to an image of their class\n", hits, labels.size(),
                100.0 * static_cast<double>(hits) / static_cast<double>(labels.size()));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_emoji_classes: %s\n", error.what());
    return 1;
  }
}
