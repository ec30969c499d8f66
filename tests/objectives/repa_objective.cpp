// SPDX-License-Identifier: MIT
// Training with features of an encoder: what the objective is, that it lowers the loss, that the encoder
// stays as it is.
#include <boost/test/unit_test.hpp>
#include <vector>

#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/objectives/repa_objective.hpp>
#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/train/train_state.hpp>
#include <pixnerd/train/train_step.hpp>

#include "support/support.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(repa_objectives)

namespace {

Dinov2Encoder<On<Cpu>> tiny_encoder(std::int64_t patch) {
  Initializer init(1);
  return Dinov2Encoder<On<Cpu>>(
      Dinov2<On<Cpu>>({.patch = 2, .grid = 3, .width = 8, .heads = 2, .depth = 1, .hidden = 12}, init),
      patch);
}

Repa<On<Cpu>> projector() {
  Initializer init(2);
  return {RepaProjector<On<Cpu>>(48, 8, init), 1, 0.5};
}

TrainingBatch<float, Cpu> one_batch() {
  test::Noise data(3);
  NoisingOptions options;
  options.null_label = {4};
  return draw_training_batch<float, Cpu>(data(), options, 5, 1);
}

}  // namespace

BOOST_AUTO_TEST_CASE(is_flow_matching_and_alignment) {
  const auto model = test::small_pixnerd(1);
  const auto repa = projector();
  const auto batch = one_batch();
  const auto flow = flow_matching_objective(model)(batch).item();
  for (const std::int64_t patch : {4, 2, 8}) {  // 16, 64 and 4 features for 16 tokens
    const auto encoder = tiny_encoder(patch);
    const auto features = encoder.features(batch.images);
    BOOST_TEST(features.size(1) == 16 * 16 / (patch * patch));
    auto tap = repa.tap();
    model.forward(flow_sample(LinearPath{}, batch.images, batch.noise, batch.times).x,
                  cast<float>(flow_sample(LinearPath{}, batch.images, batch.noise, batch.times).t),
                  batch.labels, tap);
    const TokenGrid from{16 / patch, 16 / patch};
    const double alignment = repa.alignment(tap, resize_token_grid(features, from, {4, 4})).item();
    const auto objective = repa_objective(model, repa, encoder);
    BOOST_TEST(std::abs(objective(batch).item() - (flow + 0.5 * alignment)) < 1e-5);
    // Any callable in the encoder's place.
    const auto of_batch = [&](const auto& b) { return encoder.features(b.images); };
    BOOST_TEST(repa_objective(model, repa, of_batch)(batch).item() == objective(batch).item());
  }
}

BOOST_AUTO_TEST_CASE(the_alignment_can_be_watched) {
  auto model = test::small_pixnerd(1);
  auto repa = projector();
  const auto encoder = tiny_encoder(4);
  const ParameterStore<On<Cpu>> store(model, repa);
  const auto batch = one_batch();
  const auto flow = flow_matching_objective(model)(batch).item();
  std::size_t recorded = 0;
  double seen = 0;
  const auto loss_of = [&](auto watch) {
    Tape tape;
    const auto loss = repa_objective(model, repa, encoder, LinearPath{}, watch)(batch);
    recorded = tape.size();
    return loss.item();
  };
  const auto loss = loss_of(NoWatch{});
  const auto unwatched = recorded;
  BOOST_TEST(loss_of([&](const auto& alignment) {
               BOOST_TEST(!alignment.slot());
               seen = add(alignment, alignment).item() / 2;
             }) == loss);
  BOOST_TEST(recorded == unwatched);
  BOOST_TEST(std::abs(loss - (flow + 0.5 * seen)) < 1e-6);
}

BOOST_AUTO_TEST_CASE(features_that_fit_no_grid) {
  const auto model = test::small_pixnerd(1);
  const auto repa = projector();
  const auto five = [](const auto&) { return Tensor<float>::zeros({3, 5, 8}); };
  BOOST_CHECK_THROW(repa_objective(model, repa, five)(one_batch()), ShapeError);
  const auto other_width = [](const auto&) { return Tensor<float>::zeros({3, 16, 9}); };
  BOOST_CHECK_THROW(repa_objective(model, repa, other_width)(one_batch()), ShapeError);
}

BOOST_AUTO_TEST_CASE(training_aligns_and_leaves_the_encoder_alone) {
  auto model = test::small_pixnerd(1);
  auto repa = projector();
  const auto encoder = tiny_encoder(4);
  ParameterStore<On<Cpu>> store(model, repa);
  store.start_average();
  const auto weights = [&] {
    std::vector<float> out;
    for_each_parameter(encoder.model(), [&](const std::string&, const Tensor<float>& parameter) {
      const auto values = parameter.to_host();
      out.insert(out.end(), values.begin(), values.end());
      BOOST_TEST(!grad(parameter).defined());
    });
    return out;
  };
  const auto before = weights();
  const auto batch = one_batch();
  const auto alignment = [&] {
    auto tap = repa.tap();
    const auto sample = flow_sample(LinearPath{}, batch.images, batch.noise, batch.times);
    model.forward(sample.x, sample.t, batch.labels, tap);
    return repa.alignment(tap, encoder.features(batch.images)).item();
  };
  const double at_first = alignment();

  auto objective = repa_objective(model, repa, encoder);
  TrainOptions options;
  options.rate = 1e-3;
  options.noising.null_label = {4};
  test::Noise data(4);
  const AdamW optimizer;
  TrainState state;
  for (int step = 0; step < 30; ++step) train_step(store, optimizer, objective, data, options, state);
  const double at_last = alignment();
  BOOST_TEST(at_last < 0.7 * at_first, at_first << " became " << at_last);
  BOOST_TEST((weights() == before));
}

BOOST_AUTO_TEST_SUITE_END()
