// SPDX-License-Identifier: MIT
// A text-to-image model and the features of its words are trained together, on both devices, and on the GPU
// with and without recording.
#include "compare.cuh"

#include <pixnerd/conditioning/class_features.hpp>
#include <pixnerd/conditioning/encoded_text.hpp>
#include <pixnerd/conditioning/word_features.hpp>
#include <pixnerd/models/conditioned_model.hpp>
#include <pixnerd/models/pixnerd_t2i.hpp>
#include <pixnerd/text/words.hpp>
#include <pixnerd/train/train_step.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_train_text_model)

namespace {

constexpr PixnerdT2iConfig config{.patch = 4,
                                  .width = 32,
                                  .heads = 2,
                                  .depth = 1,
                                  .text_depth = 1,
                                  .decoder = {.depth = 1, .features = 16},
                                  .text_width = 8,
                                  .text_tokens = 3};
constexpr WordIdOptions words{.rows = 64, .words = 3, .features = 6};

/// Images without end, with three captions in turn.
struct Captioned {
  std::int64_t next = 0;

  struct Batch {
    Tensor<float> images;
    std::vector<std::int64_t> labels, sample_ids;
  };
  Batch operator()() {
    static constexpr const char* captions[] = {"red heart", "smiling cat face", ""};
    Batch out{Tensor<float>({2, 3, 8, 8}), {}, {}};
    for (std::int64_t i = 0; i < 2; ++i, ++next) {
      fill_uniform(out.images.rows(i, i + 1), {5, RandomPurpose::test, static_cast<std::uint32_t>(next), 0});
      const auto ids = word_ids(captions[next % 3], words);
      out.labels.insert(out.labels.end(), ids.begin(), ids.end());
      out.sample_ids.push_back(next);
    }
    return out;
  }
};

/// Losses, the gradients of the first step, and the weights in the end.
template <class Precision, class Device>
std::vector<std::vector<double>> run_training(std::int64_t steps, bool capture) {
  Initializer init(3);
  ConditionedModel model(
      PixnerdT2i<On<Device, Precision>>(config, init),
      WordFeatures<On<Device, Precision>>(words.rows, words.words, words.features, config.text_width, init));
  ParameterStore<On<Device, Precision>> store(model);
  TrainOptions options;
  options.rate = 1e-3;
  options.clip_norm = 1;
  options.noising.label_shape = {words.words, words.features};
  options.noising.null_label = model.null_condition(1).to_host();
  options.capture = capture;
  const AdamW optimizer;
  auto objective = flow_matching_objective(model);
  TrainStepper stepper(store, optimizer, objective, options);
  TrainProgress state;
  Captioned data;
  std::vector<std::vector<double>> out(3);
  for (std::int64_t step = 0; step < steps; ++step) {
    out[0].push_back(stepper(data, state).loss);
    if (step == 0) out[1] = detail::doubles_of(store.gradients());
  }
  out[2] = detail::doubles_of(store.weights());
  return out;
}

template <class Precision>
void check(double tolerance) {
  const auto recorded = run_training<Precision, Cuda>(5, true);
  BOOST_TEST((recorded == run_training<Precision, Cuda>(5, false)));
  const auto gpu = run_training<Precision, Cuda>(1, true), cpu = run_training<Precision, Cpu>(1, true);
  detail::check_close("loss", gpu[0], cpu[0], tolerance);
  detail::check_close("gradients", gpu[1], cpu[1], tolerance);
}

}  // namespace

BOOST_AUTO_TEST_CASE(in_float32) {
  check<Full<float>>(1e-5);
}

BOOST_AUTO_TEST_CASE(in_mixed_precision) {
  check<Mixed>(2e-2);
}

BOOST_AUTO_TEST_SUITE_END()
