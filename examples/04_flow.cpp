// SPDX-License-Identifier: MIT
// Lesson 4: flow matching and ODE samplers, in two dimensions where everything can be seen. circle.hpp has
// the data, the network and the training loop, which is one page; solvers then follow the velocity that was
// learned.
#include <cmath>
#include <cstdio>

#include <pixnerd/pixnerd.hpp>

#include "circle.hpp"

using namespace pixnerd;

int main() {
  Initializer init(1);
  circle::Net net = circle::make_net(init);
  circle::train(net, 2000, [](unsigned step, float loss) {
    if (step % 500 == 0) std::printf("step %4u: loss %.3f\n", step, loss);
  });

  Tensor<float> noise({1000, 2});
  fill_normal(noise, {2, RandomPurpose::sampling_noise, 0, 0});
  const auto field = [&](const Tensor<float>& x, double t) {
    return circle::velocity(net, x, Tensor<float>::full({x.size(0)}, static_cast<float>(t)));
  };
  const auto report = [&](const char* name, const Tensor<float>& points) {
    double mean = 0, square = 0;
    for (std::int64_t i = 0; i < points.size(0); ++i) {
      const double radius = std::hypot(points.data()[2 * i], points.data()[2 * i + 1]);
      mean += radius / 1000;
      square += radius * radius / 1000;
    }
    std::printf("%-16s radius %.2f +- %.2f (the circle's is 2)\n", name, mean,
                std::sqrt(square - mean * mean));
  };
  report("noise", noise);
  for (const int n : {1, 4, 16}) {
    report(str_cat("Euler, ", n).c_str(), integrate(Euler{}, field, noise, TimeGrid(n)).x);
    report(str_cat("Adams 2, ", n).c_str(), integrate(Adams(2), field, noise, TimeGrid(n)).x);
  }
}
