// Lesson 4: flow matching and ODE samplers, in two dimensions where everything can be seen. A small network
// learns the velocity that carries Gaussian noise (t = 0) to points on a circle (t = 1); solvers then follow
// it.
#include <cmath>
#include <cstdio>
#include <numbers>
#include <vector>

#include <pixnerd/pixnerd.hpp>

using namespace pixnerd;

namespace {

using Net = Sequential<Linear<On<Cpu>>, Silu, Linear<On<Cpu>>, Silu, Linear<On<Cpu>>>;

/// velocity(x, t): the network sees both coordinates and the time.
Tensor<float> velocity(const Net& net, const Tensor<float>& x, const Tensor<float>& t) {
  return net(concat<float, Cpu>({x, t.reshape({x.size(0), 1})}, 1));  // (B, 3) -> (B, 2)
}

Tensor<float> circle(std::int64_t batch, std::uint32_t step) {
  std::vector<float> points;
  for (std::uint32_t i = 0; i < batch; ++i) {
    const double angle = 2 * std::numbers::pi * random_uniform({1, RandomPurpose::test, i, step});
    points.push_back(static_cast<float>(2 * std::cos(angle)));
    points.push_back(static_cast<float>(2 * std::sin(angle)));
  }
  return Tensor<float>::from_host({batch, 2}, points);
}

}  // namespace

int main() {
  const std::int64_t batch = 256, steps = 2000;
  Initializer init(1);
  Net net(Linear<On<Cpu>>(3, 64, init), Silu{}, Linear<On<Cpu>>(64, 64, init), Silu{},
          Linear<On<Cpu>>(64, 2, init));
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
    const auto loss = flow_matching_loss(LinearPath{}, circle(batch, step), noise, times,
                                         [&](const auto& x, const auto& t) { return velocity(net, x, t); });
    tape.backward(loss);
    optimizer.update(store, {.step = step, .rate = 3e-3 * cosine_rate(step, 0, steps)});
    if (step % 500 == 0) std::printf("step %4u: loss %.3f\n", step, loss.item());
  }

  Tensor<float> noise({1000, 2});
  fill_normal(noise, {2, RandomPurpose::sampling_noise, 0, 0});
  const auto field = [&](const Tensor<float>& x, double t) {
    return velocity(net, x, Tensor<float>::full({x.size(0)}, static_cast<float>(t)));
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
