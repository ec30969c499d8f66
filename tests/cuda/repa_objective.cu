// SPDX-License-Identifier: MIT
// Training with an encoder's features, recorded, on both devices.
#include <pixnerd/objectives/repa_objective.hpp>
#include <pixnerd/train/train_step.hpp>

#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_repa_objective)

BOOST_AUTO_TEST_CASE(trains_as_on_the_cpu) {
  const auto run = []<class Device>(Device) {
    Initializer init(1);
    PixnerdC2i<On<Device>> model({.patch = 4,
                                  .width = 16,
                                  .heads = 2,
                                  .depth = 2,
                                  .decoder = {.depth = 1, .features = 8},
                                  .classes = 3},
                                 init);
    const Dinov2Encoder<On<Device>> encoder(
        Dinov2<On<Device>>({.patch = 2, .grid = 3, .width = 8, .heads = 2, .depth = 1, .hidden = 12}, init),
        4);
    Repa<On<Device>> repa{RepaProjector<On<Device>>(16, 8, init), 1, 0.5};
    ParameterStore<On<Device>> store(model, repa);
    auto alignments = Tensor<float, Device>::zeros({});  // kept by recorded steps as well
    const auto watch = [&](const auto& alignment) {
      copy_into(alignments, add(alignments, alignment.reshape({})));
    };
    auto objective = repa_objective(model, repa, encoder, LinearPath{}, watch);
    TrainOptions options;
    options.noising.null_label = {3};
    const AdamW optimizer;
    TrainStepper<On<Device>, AdamW, decltype(objective)> step(store, optimizer, objective, options);
    struct Data {
      Tensor<float> images;
      std::vector<std::int64_t> labels, sample_ids;
    };
    TrainProgress state;
    std::vector<double> losses;
    for (int i = 0; i < 5; ++i) {
      const auto next = [&] {
        const auto seed = static_cast<std::uint32_t>(i);
        return Data{Tensor<float>::from_host({2, 3, 8, 8}, detail::random_elements<float>(2 * 3 * 64, seed)),
                    {0, 2},
                    {state.samples, state.samples + 1}};
      };
      losses.push_back(step(next, state).loss);
      losses.push_back(alignments.item());
      if (i % 2 == 1) alignments.zero();
    }
    return losses;
  };
  const auto cpu = run(Cpu{}), gpu = run(Cuda{});
  for (std::size_t i = 0; i < cpu.size(); ++i)
    BOOST_TEST(std::abs(gpu[i] - cpu[i]) < 1e-4 * cpu[i], i << ": " << gpu[i] << " and " << cpu[i]);
}

BOOST_AUTO_TEST_SUITE_END()
