// SPDX-License-Identifier: MIT
/// \file
/// The solvers against a reference file: every point and velocity of several runs.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/solvers/sde_euler.hpp>
#include <pixnerd/zoo/model_prefixes.hpp>
#include <pixnerd/zoo/registry.hpp>

#include "verify/reference_file.hpp"
#include "verify/tolerances.hpp"

namespace pixnerd::program {

namespace detail {

/// The tensors of a list, stacked along a new outermost axis.
template <class Device>
Tensor<float, Device> stacked(const std::vector<Tensor<float, Device>>& parts) {
  Shape shape{static_cast<std::int64_t>(parts.size())};
  for (const auto size : parts.front().shape()) shape.push_back(size);
  Tensor<float, Device> out(shape);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    copy_into(out.rows(row, row + 1).reshape(parts[i].shape()), parts[i]);
  }
  return out;
}

/// The weights of the known velocities in every step of Adams' method, (steps, columns), oldest first and
/// zeros after them.
inline Tensor<float, Cpu> adams_weights(int order, const TimeGrid& grid, std::int64_t columns) {
  auto out = Tensor<float, Cpu>::zeros({grid.steps(), columns});
  for (int i = 0; i < grid.steps(); ++i) {
    const auto known = static_cast<std::size_t>(std::min(i + 1, order));
    const auto times = std::span(grid.times()).subspan(static_cast<std::size_t>(i) + 1 - known, known);
    const auto row = adams_coefficients(times, grid.time(i), grid.time(i + 1));
    std::copy(row.begin(), row.end(), out.data() + i * columns);
  }
  return out;
}

/// The largest sum of magnitudes in a row: by so much a step can enlarge errors of the velocities it joins.
inline double amplification(const Tensor<float, Cpu>& weights) {
  double most = 1;
  for (std::int64_t row = 0; row < weights.size(0); ++row) {
    double sum = 0;
    for (std::int64_t j = 0; j < weights.size(1); ++j)
      sum += std::abs(weights.data()[row * weights.size(1) + j]);
    most = std::max(most, sum);
  }
  return most;
}

}  // namespace detail

/// The file holds in.{noise, cond, uncond}, param.NAME, and for each run of its configuration
/// RUN.{timesteps, x, v}, for Adams also coeffs; x begins with the noise.
template <class Policy>
Comparison verify_samplers(const ReferenceFile& reference) {
  using Device = typename Policy::Device;
  Comparison comparison;
  const Tolerances<Policy> tolerances(reference.path());
  const auto model = load_pixnerd_c2i<Policy>(reference.file(), "param");
  const auto noise = reference.tensor<float, Device>("in.noise");
  const auto condition = reference.tensor<std::int64_t, Device>("in.cond");
  const auto null_condition = reference.tensor<std::int64_t, Device>("in.uncond");

  const nlohmann::json& runs = reference.config().at("runs");
  for (auto item = runs.begin(); runs.is_object() && item != runs.end(); ++item) {
    const std::string run = item.key();
    const nlohmann::json& settings = item.value();
    const auto refuse = [&](const char* key) {
      raise<FileError>(
          "verify",
          str_cat("a known \"", key, "\" of run ", run, " in the config of '", reference.path(), "'"),
          settings.is_object() && settings.contains(key) ? settings.at(key).dump() : "none");
    };
    if (!settings.is_object()) refuse("sampler");
    const auto number = [&](const char* key, double least, double most, double fallback) {
      return config_number(reference, settings, key, least, most, fallback);
    };
    const int steps = static_cast<int>(config_number(reference, settings, "num_steps", 1, 10'000));
    std::optional<double> last_step;
    if (settings.contains("last_step")) last_step = number("last_step", 0, 1, 0);
    const TimeGrid grid(steps, number("timeshift", 1e-6, 1e6, 1), last_step);
    Guidance guidance{number("guidance", -1e6, 1e6, 1), number("guidance_interval_min", -1e6, 1e6, 0),
                      number("guidance_interval_max", -1e6, 1e6, 1), GuidedChannels::all};
    const auto guided = settings.value("guidance_fn", nlohmann::json());
    if (guided == "c3") guidance.channels = GuidedChannels::first_three;
    if (!guided.is_null() && guided != "c3") refuse("guidance_fn");

    const auto check = [&](const auto& stepper, double amplified = 1) {
      const GuidedField field(model, condition, null_condition, guidance);
      const auto solution = integrate(stepper, field, noise, grid, {.keep_trajectory = true});
      std::vector<float> times(grid.times().begin(), grid.times().end());
      const auto count = static_cast<std::int64_t>(times.size());
      reference.compare(comparison, run + ".timesteps", Tensor<float, Cpu>::from_host({count}, times), 1e-5);
      reference.compare(comparison, run + ".x", detail::stacked(solution.xs),
                        tolerances.guided(guidance.scale));
      reference.compare(comparison, run + ".v", detail::stacked(solution.vs),
                        amplified * tolerances.guided(guidance.scale));
    };
    const auto sampler = settings.value("sampler", nlohmann::json());
    const auto step_fn = settings.value("step_fn", nlohmann::json());
    if (!step_fn.is_null() && !(sampler == "euler" && step_fn == "sde_mean")) refuse("step_fn");
    if (sampler == "euler" && step_fn == "sde_mean") {
      if (settings.value("w_scheduler", nlohmann::json("linear")) != "linear") refuse("w_scheduler");
      check(SdeEuler<>{});
    } else if (sampler == "euler") {
      check(Euler{});
    } else if (sampler == "heun") {
      if (!settings.value("exact", nlohmann::json()).is_boolean()) refuse("exact");
      guidance = guidance.at_all_times();
      check(Heun{.reuse = !settings.at("exact").get<bool>()});
    } else if (sampler == "adams") {
      const int order = static_cast<int>(config_number(reference, settings, "order", 1, 4));
      const auto& entry = reference.file().entry(run + ".coeffs");
      if (entry.shape.rank() != 2 || entry.shape[0] != steps || entry.shape[1] < order ||
          entry.shape[1] > 16) {
        refuse("order");
      }
      const auto weights = detail::adams_weights(order, grid, entry.shape[1]);
      check(Adams(order), detail::amplification(weights));
      // Theirs are float32 differences of large numbers.
      reference.compare(comparison, run + ".coeffs", weights, 1e-4);
    } else {
      refuse("sampler");
    }
  }
  return comparison;
}

}  // namespace pixnerd::program
