// SPDX-License-Identifier: MIT
// Flow matching and REPA on a tiny model, against the first training step of the published implementation.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/objectives/flow_matching.hpp>
#include <pixnerd/objectives/repa.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(flow_reference)

BOOST_AUTO_TEST_CASE(losses_and_gradients_of_a_step) {
  const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/training_repa.safetensors");
  Initializer init(1);
  PixnerdC2i<On<Cpu>> model({.channels = 3,
                             .patch = 4,
                             .width = 32,
                             .heads = 2,
                             .depth = 2,
                             .decoder = {.depth = 2, .features = 8, .ratio = 2},
                             .classes = 10},
                            init);
  Repa<On<Cpu>> repa{RepaProjector<On<Cpu>>(32, 12, init), 1};
  load_parameters(file, model, "param0");
  load_parameters(file, repa.projector, "proj0");

  Tape tape;
  const auto times = file.read<double>("step0.t");
  const auto sample =
      flow_sample(LinearPath{}, file.tensor<float>("step0.x"), file.tensor<float>("step0.noise"), times);
  auto tap = repa.tap();
  const auto predicted = model.forward(sample.x, sample.t, file.tensor<std::int64_t>("step0.y"), tap);
  const auto flow = flow_matching_loss(sample, predicted);
  const auto alignment = repa.alignment(tap, file.tensor<float>("step0.dst"));
  const auto total = repa.total(flow, alignment);
  const auto losses = file.read<double>("losses");
  BOOST_TEST(std::abs(flow.item() - losses[0]) < 1e-5 * losses[0]);
  BOOST_TEST(std::abs(alignment.item() - losses[1]) < 1e-5 * losses[1]);
  BOOST_TEST(std::abs(total.item() - losses[2]) < 1e-5 * losses[2]);

  tape.backward(total);
  // The file's gradients are clipped to norm 1.
  const double clip = std::min(1.0, 1.0 / (file.read<double>("grad_norms")[0] + 1e-6));
  const auto compare = [&](const std::string& name, const Tensor<float>& parameter) {
    const double error = relative_error(scale(grad(parameter), clip).to_host(), file.read<float>(name));
    BOOST_TEST(error <= 1e-4, name << " is off by " << error);
  };
  for_each_parameter(model, compare, "grad0");
  for_each_parameter(repa.projector, compare, "gradproj0");
}

BOOST_AUTO_TEST_SUITE_END()
