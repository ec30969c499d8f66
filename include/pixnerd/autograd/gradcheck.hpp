// SPDX-License-Identifier: MIT
/// \file
/// Checks an operation's backward against finite differences, in float64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/core/random.hpp>

namespace pixnerd {

/// What gradcheck() found.
struct GradcheckResult {
  double error = 0;    ///< largest over the inputs of |analytic - numeric| / max(|numeric|, 1e-3), L2 norms
  int input = -1;      ///< the input with that error
  bool finite = true;  ///< no gradient holds NaN or infinity

  bool ok(double tolerance = 1e-7) const { return finite && error <= tolerance; }
};

namespace detail {

inline std::vector<double> test_values(std::int64_t count, std::uint64_t seed, std::uint32_t stream) {
  std::vector<double> out(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    out[static_cast<std::size_t>(i)] =
        random_normal({seed, RandomPurpose::test, stream, 0}, static_cast<std::uint64_t>(i));
  }
  return out;
}

}  // namespace detail

/// Compares the gradient of the inner product <function(inputs), r>, with a fixed random tensor r, with
/// central differences of fourth order.
///
/// `function` takes the vector of inputs and returns one tensor; it must be smooth near the inputs. Every
/// element of every input is varied. Backward runs twice: into memory filled with NaN, which it must
/// overwrite, and into a gradient that already holds numbers, to which it must add.
template <class Device, class Function>
GradcheckResult gradcheck(Function function, const std::vector<Tensor<double, Device>>& inputs,
                          double step = 5e-4, std::uint64_t seed = 1) {
  std::vector<double> projection;
  const auto project = [&](const Tensor<double, Device>& output) {
    if (projection.empty()) projection = detail::test_values(output.count(), seed, 0);
    const auto values = output.to_host();
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[i] * projection[i];
    return sum;
  };

  std::vector<std::vector<double>> numeric;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    auto values = inputs[k].to_host();
    numeric.emplace_back(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double center = values[i];
      const auto at = [&](double offset) {
        const NoGrad no_grad;
        values[i] = center + offset;
        auto moved = inputs;
        moved[k] = Tensor<double, Device>::from_host(inputs[k].shape(), values);
        return project(function(moved));
      };
      numeric[k][i] = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
      values[i] = center;
    }
  }

  GradcheckResult result;
  for (const bool add : {false, true}) {
    std::vector<Tensor<double, Device>> leaves;
    std::vector<Tensor<double, Device>> gradients;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      leaves.push_back(copy(inputs[k]));
      require_grad(leaves[k]);
      gradients.push_back(Tensor<double, Device>::full(inputs[k].shape(),
                                                       add ? 3.0 : std::numeric_limits<double>::quiet_NaN()));
      leaves[k].slot()->bind(gradients[k], add);
    }
    Tape tape;
    const auto output = function(leaves);
    if (output.slot()) {
      tape.backward(output, Tensor<double, Device>::from_host(output.shape(),
                                                              detail::test_values(output.count(), seed, 0)));
    }
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto analytic =
          leaves[k].slot()->written() ? gradients[k].to_host() : std::vector<double>(numeric[k].size());
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < analytic.size(); ++i) {
        const double value = analytic[i] - (add ? 3.0 : 0.0);
        difference += (value - numeric[k][i]) * (value - numeric[k][i]);
        norm += numeric[k][i] * numeric[k][i];
      }
      const double error = std::sqrt(difference) / std::max(std::sqrt(norm), 1e-3);
      if (!std::isfinite(error)) result.finite = false;
      if (result.input < 0 || error > result.error) {
        result.error = error;
        result.input = static_cast<int>(k);
      }
    }
  }
  return result;
}

}  // namespace pixnerd
