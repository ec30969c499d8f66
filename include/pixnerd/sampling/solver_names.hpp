// SPDX-License-Identifier: MIT
/// \file
/// The solvers that have names, for options and settings.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/sde_euler.hpp>

namespace pixnerd {

inline constexpr std::array<std::string_view, 7> solver_names{"euler",  "heun",   "heun-reuse", "adams2",
                                                              "adams3", "adams4", "sde"};

/// A stepper that is chosen at run time.
using NamedSolver = std::variant<Euler, Heun, Adams, SdeEuler<>>;

/// The stepper of a name, for a batch of the samples with these numbers, whose noise a stochastic one draws
/// by `seed`. Throws ValueError, listing the names, for another name.
inline NamedSolver solver_by_name(std::string_view name, std::uint64_t seed = 0,
                                  const std::vector<std::uint32_t>& samples = {}) {
  if (name == "euler") return Euler{};
  if (name == "heun") return Heun{};
  if (name == "heun-reuse") return Heun{.reuse = true};
  if (name == "adams2") return Adams(2);
  if (name == "adams3") return Adams(3);
  if (name == "adams4") return Adams(4);
  if (name == "sde") return SdeEuler<>{.path = {}, .noise = SdeNoise{seed, samples}};
  std::string names;
  for (const std::string_view known : solver_names) names += str_cat(names.empty() ? "" : ", ", known);
  raise<ValueError>("solver", "one of " + names, name);
}

/// Whether the published sampler of that name guides at every time, whatever the interval.
inline bool guides_at_all_times(std::string_view solver) {
  return solver.starts_with("heun");
}

}  // namespace pixnerd
