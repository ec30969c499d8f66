// SPDX-License-Identifier: MIT
/// \file
/// Statistics of the gradients of a step, parameter by parameter, to find out what went wrong.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd {

/// One parameter and its gradient. Norms are L2 norms, summed in float64, of all elements, NaN and infinity
/// included.
struct ParameterReport {
  std::string name;
  std::int64_t elements = 0;
  double grad_norm = 0;         ///< before clipping
  double largest_gradient = 0;  ///< largest magnitude of the finite ones
  std::int64_t non_finite = 0;  ///< gradients that are NaN or infinite
  double weight_norm = 0;
};

/// A report on every parameter of a store, in the order of its slabs. After a step of a TrainStepper, or one
/// that threw, these are the gradients of that step. Copies two slabs to the host.
template <class Policy>
std::vector<ParameterReport> report_gradients(const ParameterStore<Policy>& store) {
  const auto gradients = store.gradients().to_host(), weights = store.weights().to_host();
  std::vector<ParameterReport> out;
  for (const auto& entry : store.entries()) {
    ParameterReport report{entry.name, entry.shape.count()};
    double squares = 0, weight_squares = 0;
    for (std::int64_t i = entry.offset; i < entry.offset + report.elements; ++i) {
      const double g = gradients[static_cast<std::size_t>(i)], w = weights[static_cast<std::size_t>(i)];
      squares += g * g;
      weight_squares += w * w;
      if (!std::isfinite(g)) {
        ++report.non_finite;
      } else {
        report.largest_gradient = std::fmax(report.largest_gradient, std::fabs(g));
      }
    }
    report.grad_norm = std::sqrt(squares);
    report.weight_norm = std::sqrt(weight_squares);
    out.push_back(std::move(report));
  }
  return out;
}

}  // namespace pixnerd
