// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/random.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(random_numbers)

// Known answers of Random123, the authors' library (kat_vectors: philox4x32, 10 rounds).
BOOST_AUTO_TEST_CASE(philox_known_answers) {
  BOOST_TEST((philox({0, 0, 0, 0}, 0, 0) == RandomWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  BOOST_TEST((philox({ones, ones, ones, ones}, ones, ones) ==
              RandomWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  BOOST_TEST((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
              RandomWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

BOOST_AUTO_TEST_CASE(each_part_of_a_key_makes_another_stream) {
  const RandomKey key{1, RandomPurpose::noise, 2, 3};
  const RandomKey others[] = {{2, RandomPurpose::noise, 2, 3},
                              {1 + (std::uint64_t{1} << 32), RandomPurpose::noise, 2, 3},
                              {1, RandomPurpose::time, 2, 3},
                              {1, RandomPurpose::noise, 3, 3},
                              {1, RandomPurpose::noise, 2, 4}};
  for (const auto& other : others) BOOST_TEST((random_words(key, 0) != random_words(other, 0)));
  BOOST_TEST((random_words(key, 0) != random_words(key, 1)));
  BOOST_TEST((random_words(key, 5) == philox({5, 1, 2, 3}, 1, 0)));
}

BOOST_AUTO_TEST_CASE(single_elements_are_those_of_blocks) {
  const RandomKey key{7, RandomPurpose::test, 0, 0};
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto block = static_cast<std::uint32_t>(i / 4);
    BOOST_TEST(random_normal(key, i) == random_normals(key, block)[i % 4]);
    BOOST_TEST(random_uniform(key, i) == uniform_from_word(random_words(key, block)[i % 4]));
  }
}

BOOST_AUTO_TEST_CASE(uniforms) {
  BOOST_TEST(uniform_from_word(0) == 0.0f);
  BOOST_TEST(uniform_from_word(0xffffffff) == 1.0f - 0x1p-24f);
  const int n = 1000000;
  double sum = 0, squares = 0;
  std::vector<int> bins(10);
  for (int i = 0; i < n; ++i) {
    const double u = random_uniform({3, RandomPurpose::test, 0, 0}, static_cast<std::uint64_t>(i));
    sum += u;
    squares += u * u;
    ++bins[static_cast<std::size_t>(u * 10)];
  }
  // Within five standard errors.
  BOOST_TEST(std::abs(sum / n - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  BOOST_TEST(std::abs(squares / n - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
  for (const int count : bins) BOOST_TEST(std::abs(count - n / 10) < 5 * std::sqrt(0.09 * n));
}

BOOST_AUTO_TEST_CASE(normals) {
  const int blocks = 1000000, n = 4 * blocks;
  double moments[5] = {}, products = 0, largest = 0;
  int beyond[5] = {};
  for (int block = 0; block < blocks; ++block) {
    const auto values = random_normals({4, RandomPurpose::test, 0, 0}, static_cast<std::uint32_t>(block));
    for (const double z : values) {
      double power = 1;
      for (double& moment : moments) {
        moment += power / n;
        power *= z;
      }
      for (int k = 0; k < 5; ++k) beyond[k] += std::abs(z) > k ? 1 : 0;
      largest = std::max(largest, std::abs(z));
    }
    products += (double(values[0]) * values[1] + double(values[1]) * values[2]) / (2 * blocks);
  }
  // Moments 0, 1, 0, 3 with variances 1, 2, 15, 96; within five standard errors.
  const double root = std::sqrt(static_cast<double>(n));
  BOOST_TEST(std::abs(moments[1]) < 5 / root);
  BOOST_TEST(std::abs(moments[2] - 1) < 5 * std::sqrt(2.0) / root);
  BOOST_TEST(std::abs(moments[3]) < 5 * std::sqrt(15.0) / root);
  BOOST_TEST(std::abs(moments[4] - 3) < 5 * std::sqrt(96.0) / root);
  BOOST_TEST(std::abs(products) < 5 / std::sqrt(2.0 * blocks));
  for (int k = 0; k < 5; ++k) {
    const double p = std::erfc(k / std::sqrt(2.0));
    BOOST_TEST(std::abs(beyond[k] - p * n) <= 5 * std::sqrt(p * n) + 1e-9);
  }
  BOOST_TEST(largest > 4.5);
  BOOST_TEST(largest < 6.8);
}

BOOST_AUTO_TEST_CASE(normals_follow_box_and_muller) {
  double worst = 0;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const auto words = random_words({5, RandomPurpose::test, 0, 0}, i);
    const auto values = random_normals({5, RandomPurpose::test, 0, 0}, i);
    // The uniform number is a float32 to begin with; what is built on it must be exact.
    const double u = std::fma(static_cast<float>(words[0]), 0x1p-32f, 0x1p-33f), pi = std::acos(-1.0);
    // Two top bits: the quarter; the rest: an angle within it, counted from its middle.
    const double angle =
        (words[1] >> 30) * pi / 2 + (double(words[1] & 0x3fffffff) - 0x1p29) * 0x1p-30 * pi / 2;
    const double radius = std::sqrt(-2 * std::log(u));
    worst = std::max(worst, std::abs(values[0] - radius * std::cos(angle)));
    worst = std::max(worst, std::abs(values[1] - radius * std::sin(angle)));
  }
  BOOST_TEST(worst < 2e-6);
}

BOOST_AUTO_TEST_CASE(the_extreme_words_give_finite_normals) {
  for (const std::uint32_t first : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu}) {
    for (const std::uint32_t second : {0u, 0x20000000u, 0x3fffffffu, 0x40000000u, 0xc0000000u, 0xffffffffu}) {
      float a = 0, b = 0;
      detail::normal_pair(first, second, a, b);
      BOOST_TEST((std::isfinite(a) && std::isfinite(b)));
      BOOST_TEST(std::hypot(a, b) < 6.8f);
    }
  }
}

// Compilers, flags and machines must agree on every bit.
BOOST_AUTO_TEST_CASE(normals_keep_their_bits) {
  const RandomKey key{0, RandomPurpose::initialization, 0, 0};
  const std::uint32_t expected[4] = {0x3d40884c, 0xbfad6600, 0xbf47101b, 0x3dc4488f};
  std::uint64_t hash = 14695981039346656037u;
  for (std::uint32_t block = 0; block < 20000; ++block) {
    const auto values = random_normals(key, block);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(values[i]);
      if (block == 0) BOOST_TEST(bits == expected[i]);
      hash = (hash ^ bits) * 1099511628211u;
    }
  }
  BOOST_TEST(hash == 0xb3eb1b5e538f559fu);
}

BOOST_AUTO_TEST_CASE(logarithm_sine_and_cosine) {
  double log_error = 0, turn_error = 0;
  for (int i = 1; i <= 100000; ++i) {
    const auto x = static_cast<float>(i) / 100000;
    const double exact = std::log(double(x));
    log_error =
        std::max(log_error, std::abs(detail::portable_log(x) - exact) / std::max(1.0, std::abs(exact)));
    const float angle = (2 * x - 1) * 0.785398163f;
    const auto turn = detail::portable_sincos(angle);
    turn_error = std::max(turn_error, std::abs(turn.sin - std::sin(double(angle))));
    turn_error = std::max(turn_error, std::abs(turn.cos - std::cos(double(angle))));
  }
  BOOST_TEST(log_error < 1.5e-7);
  BOOST_TEST(turn_error < 1e-7);
}

BOOST_AUTO_TEST_SUITE_END()
