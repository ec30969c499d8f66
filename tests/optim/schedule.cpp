// SPDX-License-Identifier: MIT
#include <pixnerd/optim/schedule.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(schedule)

BOOST_AUTO_TEST_CASE(constant_rises_and_stays) {
  BOOST_TEST(constant_rate(1, 0) == 1.0);
  BOOST_TEST(constant_rate(1, 1) == 1.0);
  BOOST_TEST(constant_rate(1, 4) == 0.25);
  BOOST_TEST(constant_rate(3, 4) == 0.75);
  BOOST_TEST(constant_rate(4, 4) == 1.0);
  BOOST_TEST(constant_rate(1000000, 4) == 1.0);
}

BOOST_AUTO_TEST_CASE(cosine_rises_and_falls) {
  BOOST_TEST(cosine_rate(2, 4, 104) == 0.5);
  BOOST_TEST(cosine_rate(4, 4, 104) == 1.0);
  BOOST_TEST(cosine_rate(5, 4, 104) == 1.0);
  BOOST_TEST(std::abs(cosine_rate(55, 4, 104) - 0.5) < 1e-15);
  BOOST_TEST(std::abs(cosine_rate(55, 4, 104, 0.2) - 0.6) < 1e-15);
  // The last step is still a step; the one after it would have the floor.
  BOOST_TEST(cosine_rate(104, 4, 104) > 0.0);
  BOOST_TEST(std::abs(cosine_rate(105, 4, 104)) < 1e-15);
  BOOST_TEST(std::abs(cosine_rate(500, 4, 104, 0.1) - 0.1) < 1e-15);
  for (int step = 5; step < 104; ++step)
    BOOST_TEST(cosine_rate(step + 1, 4, 104) < cosine_rate(step, 4, 104));
}

BOOST_AUTO_TEST_CASE(all_warm_up_is_fine) {
  BOOST_TEST(cosine_rate(3, 10, 5) == 0.3);
  BOOST_TEST(cosine_rate(10, 10, 10) == 1.0);
  BOOST_TEST(std::isfinite(cosine_rate(11, 10, 10)));
}

BOOST_AUTO_TEST_SUITE_END()
