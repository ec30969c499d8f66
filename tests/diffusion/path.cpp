// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>

#include <pixnerd/diffusion/path.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(path)

/// What every path promises: noise at 0, data at 1, and slopes that are the derivatives.
template <ProbabilityPath Path>
void check_path(const Path& path) {
  BOOST_TEST(std::abs(path(0).alpha) < 1e-15);
  BOOST_TEST(std::abs(path(0).sigma - 1) < 1e-15);
  BOOST_TEST(std::abs(path(1).alpha - 1) < 1e-15);
  BOOST_TEST(std::abs(path(1).sigma) < 1e-15);
  const double h = 1e-3;
  const auto slope = [&](double t, double PathPoint::*of) {
    return (8 * (path(t + h).*of - path(t - h).*of) - (path(t + 2 * h).*of - path(t - 2 * h).*of)) / (12 * h);
  };
  for (double t = 0.01; t < 1; t += 0.07) {
    BOOST_TEST(std::abs(path(t).alpha_slope - slope(t, &PathPoint::alpha)) < 1e-10);
    BOOST_TEST(std::abs(path(t).sigma_slope - slope(t, &PathPoint::sigma)) < 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(every_path_runs_from_noise_to_data_with_true_slopes) {
  check_path(LinearPath{});
  check_path(CosinePath{});
}

BOOST_AUTO_TEST_CASE(cosine_keeps_the_variance) {
  for (double t = 0; t <= 1; t += 0.125) {
    const auto p = CosinePath{}(t);
    BOOST_TEST(std::abs(p.alpha * p.alpha + p.sigma * p.sigma - 1) < 1e-15);
  }
}

BOOST_AUTO_TEST_SUITE_END()
