// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/math.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(math)

namespace {

// Distance to the exact value in units of the last place of float32.
double error_in_ulps(float value, double exact) {
  const auto nearest = static_cast<float>(std::abs(exact));
  const double unit = std::nextafter(nearest, std::numeric_limits<float>::infinity()) - nearest;
  return std::abs(value - exact) / unit;
}

// Calls check(x) for floats of both signs, spread over all magnitudes up to 2^7.
template <class Check>
void for_many(Check check) {
  for (std::uint32_t word = 0; word < 0x43000000u; word += 1499) {
    check(std::bit_cast<float>(word));
    check(std::bit_cast<float>(word | 0x80000000u));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(fast_exp_is_within_two_ulps) {
  double worst = 0;
  for_many([&](float x) {
    if (x >= -87 && x <= 88) worst = std::max(worst, error_in_ulps(fast_exp(x), std::exp(double(x))));
  });
  BOOST_TEST(worst < 2);
  BOOST_TEST(fast_exp(0.0f) == 1.0f);
  BOOST_TEST(fast_exp(1.5) == std::exp(1.5));
}

BOOST_AUTO_TEST_CASE(fast_exp_at_the_ends) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float x : {-infinity, -1e30f, -100.0f, -87.0f}) {
    BOOST_TEST(fast_exp(x) > 1e-38f);
    BOOST_TEST(fast_exp(x) < 2e-38f);
  }
  for (const float x : {infinity, 1e30f, 100.0f, 88.0f}) {
    BOOST_TEST(fast_exp(x) > 1.6e38f);
    BOOST_TEST(fast_exp(x) < 1.7e38f);
  }
}

BOOST_AUTO_TEST_CASE(nan_stays_whatever_its_payload) {
  for (const std::uint32_t word : {0x7fc00000u, 0xffc00000u, 0x7fc00001u, 0x7fffffffu, 0xffc001ffu}) {
    const auto x = std::bit_cast<float>(word);
    BOOST_TEST(std::isnan(fast_exp(x)));
    BOOST_TEST(std::isnan(sigmoid(x)));
    BOOST_TEST(std::isnan(silu_value(x)));
    BOOST_TEST(std::isnan(silu_slope(x)));
    BOOST_TEST(std::isnan(gelu_value(x)));
    BOOST_TEST(std::isnan(gelu_slope(x)));
  }
}

BOOST_AUTO_TEST_CASE(silu_is_accurate) {
  double value = 0, slope = 0;
  for_many([&](float x) {
    const double s = 1 / (1 + std::exp(-double(x)));
    const double scale = std::max(1.0, std::abs(double(x)));
    value = std::max(value, std::abs(silu_value(x) - x * s) / scale);
    slope = std::max(slope, std::abs(silu_slope(x) - s * (1 + x * (1 - s))) / scale);
  });
  BOOST_TEST(value < 2e-7);
  BOOST_TEST(slope < 2e-7);
  // Where the result is far below 1 the relative error is small too.
  for (const float x : {-5.0f, -20.0f, -80.0f})
    BOOST_TEST(error_in_ulps(silu_value(x), x / (1 + std::exp(-double(x)))) < 4);
}

BOOST_AUTO_TEST_CASE(silu_slope_is_the_derivative) {
  for (double x = -8; x <= 8; x += 0.37) {
    const double h = 1e-5, difference = (silu_value(x + h) - silu_value(x - h)) / (2 * h);
    BOOST_TEST(std::abs(silu_slope(x) - difference) < 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(gelu_is_accurate) {
  double value = 0, slope = 0;
  for_many([&](float x) {
    const double below = 0.5 * std::erfc(-x / std::sqrt(2.0));
    const double density = std::exp(-0.5 * double(x) * x) / std::sqrt(2 * std::acos(-1.0));
    const double scale = std::max(1.0, std::abs(double(x)));
    value = std::max(value, std::abs(gelu_value(x) - x * below) / scale);
    slope = std::max(slope, std::abs(gelu_slope(x) - (below + x * density)) / scale);
  });
  BOOST_TEST(value < 1.5e-7);
  BOOST_TEST(slope < 2.5e-7);
  for (const float x : {-2.0f, -5.0f, -8.0f}) {
    const double exact = x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    BOOST_TEST(std::abs(gelu_value(x) - exact) < 5e-6 * std::abs(exact));
  }
  for (const double x : {-30.0, -3.0, -0.1, 0.0, 0.7, 4.0, 50.0})
    BOOST_TEST(std::abs(gelu_value(x) - x * 0.5 * std::erfc(-x / std::sqrt(2.0))) < 1e-14);
  const float infinity = std::numeric_limits<float>::infinity();
  BOOST_TEST(gelu_value(infinity) == infinity);
  for (const float x : {-infinity, -1e38f, -20.0f}) {
    BOOST_TEST(std::abs(gelu_value(x)) < 1e-36f);
    BOOST_TEST(std::abs(gelu_slope(x)) < 1e-35f);
    BOOST_TEST(gelu_slope(-x) == 1.0f);
  }
}

BOOST_AUTO_TEST_CASE(gelu_slope_is_the_derivative) {
  for (double x = -8; x <= 8; x += 0.37) {
    const double h = 1e-5, difference = (gelu_value(x + h) - gelu_value(x - h)) / (2 * h);
    BOOST_TEST(std::abs(gelu_slope(x) - difference) < 1e-9);
  }
}

BOOST_AUTO_TEST_SUITE_END()
