// SPDX-License-Identifier: MIT
// Lesson 6: editing with a model that never learned to. A network learns points on a circle, as in lesson 4;
// the same velocity field then varies a given point, and completes one of which only a coordinate is known.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <pixnerd/pixnerd.hpp>

#include "circle.hpp"

using namespace pixnerd;

namespace {

void print(const char* name, const Tensor<float>& points) {
  std::printf("%-22s", name);
  for (std::int64_t i = 0; i < points.size(0); ++i)
    std::printf(" (%5.2f,%5.2f)", points.data()[2 * i], points.data()[2 * i + 1]);
  std::printf("\n");
}

}  // namespace

int main(int count, char** words) {
  Initializer init(1);
  circle::Net net = circle::make_net(init);
  circle::train(net, count > 1 ? std::atoi(words[1]) : 2000, [](unsigned, float) {});
  const auto field = [&](const Tensor<float>& x, double t) {
    return circle::velocity(net, x, Tensor<float>::full({x.size(0)}, static_cast<float>(t)));
  };

  const auto points = Tensor<float>::from_host({5, 2}, std::vector<float>{2, 0, 2, 0, 2, 0, 2, 0, 2, 0});
  Tensor<float> noise({5, 2});
  fill_normal(noise, {2, RandomPurpose::sampling_noise, 0, 0});
  const TimeGrid grid(50);
  print("given", points);

  // A variation goes back on the path, to the time 1 - strength, and comes forward again.
  for (const double strength : {0.2, 0.5, 1.0}) {
    const double start = 1 - strength;
    const auto noised = flow_sample(LinearPath{}, points, noise, std::vector<double>(5, start)).x;
    const auto varied = integrate(Adams(2), field, noised, grid.from(start)).x;
    print(str_cat("varied, strength ", strength).c_str(), varied);
  }

  // The first coordinate is known, so the second one is +-1.73 on the circle. The field was trained for whole
  // points, and comes close.
  const auto known = Tensor<float>::from_host({5, 2}, std::vector<float>{1, 0, 1, 0, 1, 0, 1, 0, 1, 0});
  const auto mask = Tensor<float>::from_host({5, 2}, std::vector<float>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
  const InpaintingField inpainting(field, known, mask);
  print("completed from x = 1", integrate(Euler{}, inpainting, noise, grid).x);
}
