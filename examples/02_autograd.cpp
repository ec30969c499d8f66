// SPDX-License-Identifier: MIT
// Lesson 2: gradients. A Tape records the operations that run while it lives; backward() walks them in
// reverse. Here it finds the line through noisy points by gradient descent.
#include <iostream>
#include <vector>

#include <pixnerd/pixnerd.hpp>

using namespace pixnerd;

int main() {
  const std::int64_t count = 100;
  std::vector<float> inputs, answers;
  for (std::uint32_t i = 0; i < count; ++i) {
    const float x = random_uniform({1, RandomPurpose::test, i, 0});
    const float noise = random_normal({1, RandomPurpose::noise, i, 0});
    inputs.push_back(x);
    answers.push_back(3 * x - 1 + 0.05f * noise);
  }
  const auto x = Tensor<float>::from_host({count, 1}, inputs),
             y = Tensor<float>::from_host({count, 1}, answers);

  auto slope = Tensor<float>::zeros({1, 1}), offset = Tensor<float>::zeros({1});
  require_grad(slope);
  require_grad(offset);
  for (int step = 0; step <= 300; ++step) {
    clear_grad(slope);
    clear_grad(offset);
    Tape tape;  // gone at the end of each step, with everything it saved
    const auto loss = mean_squared_error(linear(x, slope, offset), y);
    tape.backward(loss);
    slope.data()[0] -= 0.5f * grad(slope).item();
    offset.data()[0] -= 0.5f * grad(offset).item();
    if (step % 100 == 0) {
      std::cout << "step " << step << ": loss " << loss.item() << ", line " << slope.item() << " x + "
                << offset.item() << "\n";
    }
  }

  // Whoever writes an operation checks its gradient against finite differences, in float64.
  const auto check = gradcheck([](const auto& in) { return silu(in[0]) * in[1]; },
                               std::vector{Tensor<double>::full({3}, 0.3), Tensor<double>::full({3}, -2.0)});
  std::cout << "gradient of silu(a) b against finite differences: error " << check.error << "\n";
}
