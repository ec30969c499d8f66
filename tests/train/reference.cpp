// SPDX-License-Identifier: MIT
// The published implementation's training, step by step: flow matching with REPA, clipping, AdamW, averages.
#include <nlohmann/json.hpp>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/objectives/repa.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/train/train_step.hpp>
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(reference)

BOOST_AUTO_TEST_CASE(four_steps_with_repa) {
  const SafetensorsFile file(PIXNERD_TEST_DATA "/training_repa.safetensors");
  const auto config = nlohmann::json::parse(file.metadata("config"));
  const auto integer = [&](const char* key) { return config[key].get<std::int64_t>(); };
  const auto number = [&](const char* key) { return config[key].get<double>(); };
  Initializer init(0);
  PixnerdC2i<On<Cpu>> model({.channels = integer("in_channels"),
                             .patch = integer("patch_size"),
                             .width = integer("hidden_size"),
                             .heads = integer("num_groups"),
                             .depth = integer("num_cond_blocks"),
                             .decoder = {.depth = integer("num_blocks") - integer("num_cond_blocks"),
                                         .features = integer("hidden_size_x"),
                                         .ratio = integer("nerf_mlpratio")},
                             .classes = integer("num_classes")},
                            init);
  Repa<On<Cpu>> repa{RepaProjector<On<Cpu>>(integer("hidden_size"), integer("repa_dim"), init),
                     integer("align_layer"), number("feat_loss_weight")};
  load_parameters(file, model, "param0");
  load_parameters(file, repa.projector, "proj0");
  ParameterStore<On<Cpu>> store(model, repa);
  store.start_average();

  TrainOptions options;
  options.rate = number("lr");
  options.clip_norm = number("clip_norm");
  options.average_decay = number("ema_decay");
  options.noising.null_label = {integer("num_classes")};
  const AdamW optimizer{config["betas"][0].get<double>(), config["betas"][1].get<double>(), number("eps"),
                        number("weight_decay")};
  const std::int64_t batch = integer("batch");
  const auto losses = file.read<float>("losses"), norms = file.read<float>("grad_norms");
  TrainProgress state;
  for (std::size_t step = 0; step < norms.size(); ++step) {
    const auto name = [&](const char* tensor) { return str_cat("step", step, ".", tensor); };
    struct Data {
      Tensor<float> images;
      std::vector<std::int64_t> labels, sample_ids;
    };
    const auto next_batch = [&] {
      Data data{file.tensor<float>(name("x")), file.read<std::int64_t>(name("y")), {}};
      for (std::int64_t i = 0; i < batch; ++i) data.sample_ids.push_back(state.samples + i);
      return data;
    };
    // Noise, times and labels are the file's, not the ones that this library would draw.
    const auto objective = [&](const TrainingBatch<float, Cpu>& drawn) {
      const auto t = file.read<float>(name("t"));
      const auto sample = flow_sample(LinearPath{}, drawn.images, file.tensor<float>(name("noise")),
                                      std::vector<double>(t.begin(), t.end()));
      auto tap = repa.tap();
      const auto flow = flow_matching_loss(
          sample, model.forward(sample.x, sample.t, file.tensor<std::int64_t>(name("y")), tap));
      const auto alignment = repa.alignment(tap, file.tensor<float>(name("dst")));
      BOOST_TEST(std::abs(flow.item() - losses[3 * step]) < 1e-5 * losses[3 * step]);
      BOOST_TEST(std::abs(alignment.item() - losses[3 * step + 1]) < 1e-5 * losses[3 * step + 1]);
      return repa.total(flow, alignment);
    };
    const auto report = train_step(store, optimizer, objective, next_batch, options, state);
    BOOST_TEST(std::abs(report.loss - losses[3 * step + 2]) < 1e-5 * losses[3 * step + 2]);
    BOOST_TEST(std::abs(report.grad_norm - norms[step]) < 5e-5 * norms[step]);
    if (step > 0) continue;
    const double scale = clip_scale(report.grad_norm, options.clip_norm);
    for (const auto& entry : store.entries()) {
      auto clipped = store.part(store.gradients(), entry).to_host();
      for (auto& value : clipped) value *= static_cast<float>(scale);
      const std::string expected =
          entry.averaged ? "grad0." + entry.name : "gradproj0" + entry.name.substr(4);
      BOOST_TEST(relative_error(clipped, file.read<float>(expected)) < 5e-5, expected);
    }
  }
  for (const auto& entry : store.entries()) {
    const auto weights = store.part(store.weights(), entry).to_host();
    const std::string expected = entry.averaged ? "param." + entry.name : entry.name;
    BOOST_TEST(relative_error(weights, file.read<float>(expected)) < 5e-5, expected);
    if (!entry.averaged) continue;
    const auto average = store.part(store.average(), entry).to_host();
    BOOST_TEST(relative_error(average, file.read<float>("ema." + entry.name)) < 5e-5, "ema." << entry.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
