// SPDX-License-Identifier: MIT
// The solvers with guidance on a tiny model, against the trajectories of the published implementation.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/diffusion/guidance.hpp>
#include <pixnerd/io/parameters.hpp>
#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/solvers/adams.hpp>
#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/heun.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/solvers/sde_euler.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(reference)

struct Reference {
  SafetensorsFile file{std::string(PIXNERD_TEST_DATA) + "/samplers.safetensors"};
  PixnerdC2i<On<Cpu>> model;
  Tensor<float> noise = file.tensor<float>("in.noise");
  Tensor<std::int64_t> condition = file.tensor<std::int64_t>("in.cond");
  Tensor<std::int64_t> null_condition = file.tensor<std::int64_t>("in.uncond");

  Reference() : model(make_model()) { load_parameters(file, model, "param"); }

  static PixnerdC2i<On<Cpu>> make_model() {
    Initializer init(1);
    return PixnerdC2i<On<Cpu>>({.channels = 3,
                                .patch = 4,
                                .width = 32,
                                .heads = 2,
                                .depth = 2,
                                .decoder = {.depth = 2, .features = 8, .ratio = 2},
                                .classes = 10},
                               init);
  }

  /// Compares every point and velocity of a run. `amplified` tells how much larger than 1e-5 the error of
  /// each step's velocity may be.
  template <class S>
  void check(const std::string& run, const S& stepper, const Guidance& guidance, const TimeGrid& grid,
             const std::vector<double>& amplified = std::vector<double>(6, 1.0),
             double tolerance_x = 1e-5) const {
    const GuidedField field(model, condition, null_condition, guidance);
    const auto solution = integrate(stepper, field, noise, grid, {.keep_trajectory = true});
    const auto compare = [&](const std::string& name, const std::vector<Tensor<float>>& ours,
                             auto tolerance) {
      const auto theirs = file.tensor<float>(run + "." + name);
      BOOST_TEST_REQUIRE(theirs.size(0) == static_cast<std::int64_t>(ours.size()));
      for (std::size_t i = 0; i < ours.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i);
        const double error = relative_error(ours[i].to_host(), theirs.rows(row, row + 1).to_host());
        BOOST_TEST(error <= tolerance(i), run << "." << name << "[" << i << "] is off by " << error);
      }
    };
    compare("x", solution.xs, [&](std::size_t) { return tolerance_x; });
    compare("v", solution.vs, [&](std::size_t i) { return 1e-5 * amplified[i]; });
  }
};

BOOST_FIXTURE_TEST_CASE(euler, Reference) {
  check("euler_g1.0_i0.0-1.0_s1.0", Euler{}, {.scale = 1}, TimeGrid(6));
  check("euler_g3.5_i0.1-1.0_s1.0", Euler{}, {.scale = 3.5, .lower = 0.1}, TimeGrid(6));
  check("euler_g4.0_i0.0-1.0_s3.0", Euler{}, {.scale = 4}, TimeGrid(6, 3));
  check("euler_last0.04", Euler{}, {.scale = 2}, TimeGrid(6, 1, 0.04));
  check("euler_c3", Euler{}, {.scale = 2, .channels = GuidedChannels::first_three}, TimeGrid(6));
}

BOOST_FIXTURE_TEST_CASE(sde_mean, Reference) {
  check("euler_sde_mean", SdeEuler<>{}, {.scale = 1.5}, TimeGrid(6, 1, 0.04));
}

BOOST_FIXTURE_TEST_CASE(heun, Reference) {
  check("heun_exact1", Heun{}, Guidance{.scale = 2}.at_all_times(), TimeGrid(6, 1.5, 1.0 / 6));
  check("heun_exact0", Heun{.reuse = true}, Guidance{.scale = 2}.at_all_times(), TimeGrid(6, 1.5, 1.0 / 6));
}

BOOST_FIXTURE_TEST_CASE(adams, Reference) {
  const TimeGrid grid(6, 3);
  for (int order = 1; order <= 4; ++order) {
    // A step's velocity is a sum of velocities of the model, each within 1e-5 and times its coefficient. (In
    // float64 throughout the deviations are the same: they are those of the float32 trajectories.)
    std::vector<double> amplified;
    for (int i = 0; i < grid.steps(); ++i) {
      const auto known = static_cast<std::size_t>(std::min(i + 1, order));
      const auto times = std::span(grid.times()).subspan(static_cast<std::size_t>(i) + 1 - known, known);
      amplified.push_back(0);
      for (const double c : adams_coefficients(times, grid.time(i), grid.time(i + 1))) {
        amplified.back() += std::abs(c);
      }
    }
    // The published float32 coefficients of order 4 are off by 1e-4, which moves the last point by 9e-6.
    check(str_cat("adams", order), Adams(order), {.scale = 4, .lower = 0.1}, grid, amplified,
          order == 4 ? 2e-5 : 1e-5);
  }
}

BOOST_AUTO_TEST_SUITE_END()
