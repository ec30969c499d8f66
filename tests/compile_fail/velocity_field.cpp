// SPDX-License-Identifier: MIT
// expect: integrate needs a velocity field
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/integrate.hpp>

int main() {
#ifdef PIXNERD_FAIL
  const auto field = [](const pixnerd::Tensor<float>& x) { return x; };
#else
  const auto field = [](const pixnerd::Tensor<float>& x, double) { return x; };
#endif
  pixnerd::integrate(pixnerd::Euler{}, field, pixnerd::Tensor<float>::zeros({1}), pixnerd::TimeGrid(1));
}
