// SPDX-License-Identifier: MIT
/// \file
/// The order of samples.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include <pixnerd/data/order.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(order)

BOOST_AUTO_TEST_CASE(each_epoch_is_a_permutation_of_its_own) {
  for (const std::uint32_t count : {1u, 2u, 3u, 4u, 5u, 451u, 10'000u}) {
    auto first = epoch_order(5, 0, count);
    const auto second = epoch_order(5, 1, count);
    BOOST_TEST((epoch_order(5, 0, count) == first));
    if (count > 10) {
      BOOST_TEST((second != first));
      BOOST_TEST((epoch_order(6, 0, count) != first));
    }
    std::sort(first.begin(), first.end());
    for (std::uint32_t i = 0; i < count; ++i) BOOST_REQUIRE(first[i] == i);
  }
}

/// Checkpoints hold a seed and a number; another order would resume another run.
BOOST_AUTO_TEST_CASE(the_order_is_part_of_the_format) {
  BOOST_TEST((epoch_order(1, 0, 8) == std::vector<std::uint32_t>{3, 5, 1, 0, 2, 7, 4, 6}));
  BOOST_TEST((epoch_order(1, 1, 8) == std::vector<std::uint32_t>{0, 4, 7, 6, 2, 1, 5, 3}));
}

/// Each of the 24 orders of four images is as frequent as the others.
BOOST_AUTO_TEST_CASE(all_orders_are_equally_likely) {
  constexpr int epochs = 24'000;
  std::vector<int> seen(256);
  for (std::uint32_t epoch = 0; epoch < epochs; ++epoch) {
    const auto order = epoch_order(3, epoch, 4);
    ++seen[order[0] + 4 * order[1] + 16 * order[2] + 64 * order[3]];
  }
  int orders = 0;
  double chi_squared = 0;
  for (const int count : seen) {
    if (count == 0) continue;
    ++orders;
    chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  }
  BOOST_TEST(orders == 24);
  BOOST_TEST(chi_squared < 50);  // 23 degrees of freedom: 49.7 is exceeded once in a thousand
}

BOOST_AUTO_TEST_CASE(samples_follow_the_epochs) {
  const SampleOrder order(7, 11, true);
  for (int epoch = 0; epoch < 4; ++epoch) {
    const auto expected = epoch_order(11, static_cast<std::uint32_t>(epoch), 7);
    for (int i = 0; i < 7; ++i)
      BOOST_TEST(order[7 * epoch + i].index == expected[static_cast<std::size_t>(i)]);
  }
  BOOST_TEST(order[7 * (std::int64_t{1} << 32) - 1].index < 7U);
  check_throws<ValueError>([&] { order[7 * (std::int64_t{1} << 32)]; }, {"2^32 epochs"});
  check_throws<ValueError>([&] { order[-1]; }, {"got -1"});
}

BOOST_AUTO_TEST_CASE(half_of_the_samples_are_flipped) {
  const SampleOrder order(100, 11, true);
  const SampleOrder other(100, 12, true);
  const SampleOrder never(100, 11, false);
  int flipped = 0, same = 0;
  for (std::int64_t n = 0; n < 10'000; ++n) {
    BOOST_REQUIRE(order[n].flip == order[n].flip);
    flipped += order[n].flip;
    same += order[n].flip == other[n].flip;
    BOOST_REQUIRE(!never[n].flip);
    BOOST_REQUIRE(never[n].index == order[n].index);
  }
  BOOST_TEST(std::abs(flipped - 5000) < 200);  // four standard deviations
  BOOST_TEST(std::abs(same - 5000) < 200);
}

BOOST_AUTO_TEST_CASE(an_image_is_not_always_flipped_alike) {
  const SampleOrder order(1, 11, true);
  int flipped = 0;
  for (std::int64_t n = 0; n < 1000; ++n) flipped += order[n].flip;
  BOOST_TEST(std::abs(flipped - 500) < 64);
}

BOOST_AUTO_TEST_CASE(refuses_sizes_out_of_range) {
  check_throws<ValueError>([] { SampleOrder(0, 1, true); }, {"1 to 2^32 - 1 images", "got 0"});
  check_throws<ValueError>([] { SampleOrder(std::int64_t{1} << 32, 1, true); }, {"got 4294967296"});
}

BOOST_AUTO_TEST_SUITE_END()
