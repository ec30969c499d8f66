// SPDX-License-Identifier: MIT
// expect: integrate needs a stepper
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/integrate.hpp>

struct NoStepper {};

int main() {
  const auto field = [](const pixnerd::Tensor<float>& x, double) { return x; };
  const auto noise = pixnerd::Tensor<float>::zeros({1});
#ifdef PIXNERD_FAIL
  pixnerd::integrate(NoStepper{}, field, noise, pixnerd::TimeGrid(1));
#else
  pixnerd::integrate(pixnerd::Euler{}, field, noise, pixnerd::TimeGrid(1));
#endif
}
