// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <pixnerd/solvers/euler.hpp>
#include <pixnerd/solvers/integrate.hpp>
#include <pixnerd/solvers/sde_euler.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(sde_euler)

/// The exact velocity where data are normal with this mean and deviation, and the path is linear.
struct NormalData {
  double mean = 0.5, deviation = 0.3;

  Tensor<double> operator()(const Tensor<double>& x, double t) const {
    const double variance = t * t * deviation * deviation + (1 - t) * (1 - t);
    const double slope = (t * deviation * deviation - (1 - t)) / variance;
    auto values = x.to_host();
    for (double& value : values) value = mean + slope * (value - t * mean);
    return Tensor<double>::from_host(x.shape(), values);
  }

  /// d log p_t / dx
  double score(double x, double t) const {
    return -(x - t * mean) / (t * t * deviation * deviation + (1 - t) * (1 - t));
  }
};

BOOST_AUTO_TEST_CASE(mean_step_follows_the_score) {
  const NormalData field;
  const auto x = random_tensor({2, 5}, 1);
  const TimeGrid grid(std::vector<double>{0.2, 0.5, 1});
  std::vector<Tensor<double>> carried;
  const auto first = SdeEuler<>{}.step(field, x, grid, 0, carried);
  const auto v = field(x, 0.2);
  BOOST_TEST((first.v.to_host() == v.to_host()));
  std::vector<double> expected;
  for (std::int64_t i = 0; i < 10; ++i) {
    expected.push_back(x.data()[i] + 0.3 * v.data()[i] + 0.3 * 0.8 * field.score(x.data()[i], 0.2));
  }
  BOOST_TEST(relative_error(first.x.to_host(), expected) < 1e-14);
}

BOOST_AUTO_TEST_CASE(last_step_is_eulers) {
  const NormalData field;
  const auto x = random_tensor({2, 5}, 1);
  std::vector<Tensor<double>> carried;
  const TimeGrid grid(4);
  const auto ours = SdeEuler<>{.noise = SdeNoise{1, {0, 1}}}.step(field, x, grid, 3, carried);
  BOOST_TEST((ours.x.to_host() == Euler{}.step(field, x, grid, 3, carried).x.to_host()));
}

/// 0, 1, …
std::vector<std::uint32_t> first_samples(std::size_t count) {
  std::vector<std::uint32_t> samples(count);
  std::iota(samples.begin(), samples.end(), 0u);
  return samples;
}

struct Statistics {
  double mean = 0, deviation = 0;
};

Statistics statistics(const std::vector<double>& values) {
  Statistics out;
  for (const double value : values) out.mean += value / static_cast<double>(values.size());
  for (const double value : values) {
    out.deviation += (value - out.mean) * (value - out.mean) / static_cast<double>(values.size());
  }
  out.deviation = std::sqrt(out.deviation);
  return out;
}

BOOST_AUTO_TEST_CASE(full_steps_keep_the_marginals_and_mean_steps_do_not) {
  const auto noise = random_tensor({64, 256}, 1);
  const TimeGrid grid(200);
  const auto full = statistics(
      integrate(SdeEuler<>{.noise = SdeNoise{3, first_samples(64)}}, NormalData{}, noise, grid).x.to_host());
  // Five deviations of these statistics over 16384 numbers, and as much again for the size of the steps.
  BOOST_TEST(std::abs(full.mean - 0.5) < 0.02);
  BOOST_TEST(std::abs(full.deviation - 0.3) < 0.02);
  const auto mean = statistics(integrate(SdeEuler<>{}, NormalData{}, noise, grid).x.to_host());
  BOOST_TEST(std::abs(mean.mean - 0.5) < 0.02);
  BOOST_TEST(mean.deviation < 0.15);
}

BOOST_AUTO_TEST_CASE(noise_belongs_to_the_sample_and_the_step) {
  const auto noise = random_tensor({4, 3}, 1);
  const auto run = [](const Tensor<double>& x, std::uint64_t seed,
                      const std::vector<std::uint32_t>& samples) {
    return integrate(SdeEuler<>{.noise = SdeNoise{seed, samples}}, NormalData{}, x, TimeGrid(5)).x.to_host();
  };
  const auto all = run(noise, 3, {10, 11, 7, 3}), part = run(noise.rows(2, 4), 3, {7, 3});
  BOOST_TEST((std::vector<double>(all.begin() + 6, all.end()) == part));
  BOOST_TEST((run(noise, 4, {10, 11, 7, 3}) != all));
  BOOST_TEST((run(noise, 3, {10, 11, 7, 4}) != all));
  BOOST_CHECK_THROW(run(noise, 3, {10, 11, 7}), ShapeError);
}

BOOST_AUTO_TEST_CASE(works_on_any_path_that_still_has_noise) {
  const auto noise = random_tensor({2, 3}, 1);
  const auto still = [](const Tensor<double>& x, double) { return Tensor<double>::zeros(x.shape()); };
  BOOST_TEST(integrate(SdeEuler<CosinePath>{}, still, noise, TimeGrid(5)).completed);
  test::check_throws<ValueError>(
      [&] {
        integrate(SdeEuler<>{}, still, noise, TimeGrid(std::vector<double>{0, 1, 2, 3}));
      },
      {"SdeEuler", "times at which the path still has noise", "got 1"});
}

BOOST_AUTO_TEST_SUITE_END()
