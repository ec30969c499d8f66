// SPDX-License-Identifier: MIT
/// \file
/// A flow in two dimensions for lessons 4 and 6: a small network learns the velocity that carries Gaussian
/// noise (t = 0) to points on a circle (t = 1).
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include <pixnerd/pixnerd.hpp>

namespace circle {

using namespace pixnerd;

using Net = Sequential<Linear<>, Silu, Linear<>, Silu, Linear<>>;

inline Net make_net(Initializer& init) {
  return Net(Linear(3, 64, init), Silu{}, Linear(64, 64, init), Silu{}, Linear(64, 2, init));
}

/// velocity(x, t): the network sees both coordinates and the time.
inline Tensor<float> velocity(const Net& net, const Tensor<float>& x, const Tensor<float>& t) {
  return net(concat<float, Cpu>({x, t.reshape({x.size(0), 1})}, 1));  // (B, 3) -> (B, 2)
}

/// The data: points on a circle of radius 2, others in each step.
inline Tensor<float> points(std::int64_t batch, std::uint32_t step) {
  std::vector<float> out;
  for (std::uint32_t i = 0; i < batch; ++i) {
    const double angle = 2 * std::numbers::pi * random_uniform({1, RandomPurpose::test, i, step});
    out.push_back(static_cast<float>(2 * std::cos(angle)));
    out.push_back(static_cast<float>(2 * std::sin(angle)));
  }
  return Tensor<float>::from_host({batch, 2}, out);
}

/// The training loop, all of it: noise and times, the loss on a tape, gradients, an update. Calls
/// on_step(step, loss).
template <class OnStep>
void train(Net& net, std::int64_t steps, OnStep on_step) {
  const std::int64_t batch = 256;
  ParameterStore store(net);
  const AdamW optimizer;
  for (std::uint32_t step = 1; step <= steps; ++step) {
    Tensor<float> noise({batch, 2});
    fill_normal(noise, {1, RandomPurpose::noise, 0, step});
    std::vector<double> times;
    for (std::uint32_t i = 0; i < batch; ++i)
      times.push_back(random_uniform({1, RandomPurpose::time, i, step}));
    store.zero_grad();
    Tape tape;
    const auto loss = flow_matching_loss(LinearPath{}, points(batch, step), noise, times,
                                         [&](const auto& x, const auto& t) { return velocity(net, x, t); });
    tape.backward(loss);
    optimizer.update(store, {.step = step, .rate = 3e-3 * cosine_rate(step, 0, steps)});
    on_step(step, loss.item());
  }
}

}  // namespace circle
