// SPDX-License-Identifier: MIT
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <pixnerd/diffusion/time_sampling.hpp>
#include <pixnerd/io/safetensors/file.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(time_sampling)

BOOST_AUTO_TEST_CASE(shift_moves_toward_the_noise) {
  BOOST_TEST(shift_time(0.5, 3) == 0.25);
  BOOST_TEST(shift_time(0.25, 1) == 0.25);
  BOOST_TEST(shift_time(0, 3) == 0.0);
  BOOST_TEST(shift_time(1, 3) == 1.0);
}

BOOST_AUTO_TEST_CASE(shifted_log_normal_times_agree_with_the_published_implementation) {
  const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/training_repa.safetensors");
  for (const std::string step : {"step0", "step1", "step2", "step3"}) {
    const auto z = file.read<double>(step + ".z"), t = file.read<double>(step + ".t");
    for (std::size_t i = 0; i < z.size(); ++i) {
      BOOST_TEST(std::abs(shift_time(1 / (1 + std::exp(-z[i])), 2) - t[i]) < 1e-7);
    }
  }
}

std::vector<double> many_times(const TimeSampling& sampling, std::uint32_t step = 0) {
  std::vector<std::uint32_t> samples(20000);
  std::iota(samples.begin(), samples.end(), 0u);
  return sample_times(sampling, 5, samples, step);
}

/// Largest distance between the share of times below a time and its probability there.
template <class Distribution>
double distance_to(std::vector<double> times, Distribution distribution) {
  std::sort(times.begin(), times.end());
  double distance = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(times.size());
    distance = std::max(distance, std::abs(share - distribution(times[i])));
  }
  return distance;
}

BOOST_AUTO_TEST_CASE(times_follow_their_distributions) {
  // 1.95 / sqrt(20000): exceeded by one true sample in a thousand, and these are fixed.
  const double bound = 0.0138;
  const auto normal = [](double t) { return 0.5 * std::erfc(-std::log(t / (1 - t)) / std::sqrt(2.0)); };
  const auto unshifted = [](double t) { return 3 * t / (1 + 2 * t); };  // undoes a shift of 3
  BOOST_TEST(distance_to(many_times({TimeDistribution::uniform, 1}), [](double t) { return t; }) < bound);
  BOOST_TEST(distance_to(many_times({TimeDistribution::uniform, 3}), unshifted) < bound);
  BOOST_TEST(distance_to(many_times({TimeDistribution::log_normal, 1}), normal) < bound);
  BOOST_TEST(distance_to(many_times({TimeDistribution::log_normal, 3}),
                         [&](double t) { return normal(unshifted(t)); }) < bound);
}

BOOST_AUTO_TEST_CASE(a_time_depends_on_seed_sample_and_step_alone) {
  const TimeSampling sampling;
  const std::vector<std::uint32_t> samples{7, 3, 7};
  const auto times = sample_times(sampling, 1, samples, 4);
  BOOST_TEST(times[0] == sample_time(sampling, 1, 7, 4));
  BOOST_TEST(times[1] == sample_time(sampling, 1, 3, 4));
  BOOST_TEST(times[2] == times[0]);
  BOOST_TEST(times[1] != times[0]);
  BOOST_TEST(sample_time(sampling, 2, 7, 4) != times[0]);
  BOOST_TEST(sample_time(sampling, 1, 7, 5) != times[0]);
}

BOOST_AUTO_TEST_CASE(bad_shifts) {
  for (const double shift : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    test::check_throws<ValueError>(
        [&] {
          sample_time({TimeDistribution::uniform, shift}, 1, 0, 0);
        },
        {"time shift", "a finite number above 0"});
  }
}

BOOST_AUTO_TEST_SUITE_END()
