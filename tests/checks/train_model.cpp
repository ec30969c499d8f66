// SPDX-License-Identifier: MIT
// What a file costs that trains the class-conditional model: forward, backward and update.
#include <pixnerd/pixnerd.hpp>

using namespace pixnerd;

float train(const Tensor<float>& images, const Tensor<float>& noise, const Tensor<std::int64_t>& labels,
            int steps) {
  Initializer init(0);
  PixnerdC2i model({.patch = 8, .width = 192, .heads = 6, .depth = 6, .decoder = {.depth = 2}, .classes = 10},
                   init);
  ParameterStore store(model);
  const std::vector<double> times(static_cast<std::size_t>(images.size(0)), 0.5);
  float last = 0;
  for (int step = 1; step <= steps; ++step) {
    store.zero_grad();
    Tape tape;
    const auto loss =
        flow_matching_loss(LinearPath{}, images, noise, times,
                           [&](const auto& x, const auto& t) { return model.forward(x, t, labels); });
    tape.backward(loss);
    AdamW{}.update(store, {.step = step, .rate = 1e-3});
    last = loss.item();
  }
  return last;
}
