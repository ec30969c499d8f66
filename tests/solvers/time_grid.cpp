// SPDX-License-Identifier: MIT
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/solvers/time_grid.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(time_grid)

BOOST_AUTO_TEST_CASE(even_steps) {
  const TimeGrid grid(4);
  BOOST_TEST(grid.times() == (std::vector<double>{0, 0.25, 0.5, 0.75, 1}), boost::test_tools::per_element());
  BOOST_TEST(grid.steps() == 4);
  BOOST_TEST(grid.width(3) == 0.25);
  BOOST_TEST(!grid.is_last(2));
  BOOST_TEST(grid.is_last(3));
}

BOOST_AUTO_TEST_CASE(last_step_and_shift) {
  const TimeGrid grid(3, 3, 0.5);
  BOOST_TEST(grid.times() == (std::vector<double>{0, 0.1, 0.25, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_step_goes_all_the_way) {
  for (const auto& grid : {TimeGrid(1), TimeGrid(1, 3), TimeGrid(1, 3, 0.04)}) {
    BOOST_TEST(grid.times() == (std::vector<double>{0, 1}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_grid) {
  const auto rest = [](double start) { return TimeGrid(4).from(start).times(); };
  BOOST_TEST(rest(0) == TimeGrid(4).times(), boost::test_tools::per_element());
  BOOST_TEST(rest(0.25) == (std::vector<double>{0.25, 0.5, 0.75, 1}), boost::test_tools::per_element());
  BOOST_TEST(rest(0.6) == (std::vector<double>{0.6, 0.75, 1}), boost::test_tools::per_element());
  BOOST_TEST(rest(0.9) == (std::vector<double>{0.9, 1}), boost::test_tools::per_element());
  for (const double bad : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    test::check_throws<ValueError>([&] { TimeGrid(4).from(bad); }, {"time grid", "below 1"});
  }
}

BOOST_AUTO_TEST_CASE(agrees_with_the_published_implementation) {
  const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/samplers.safetensors");
  const auto check = [&](const std::string& run, const TimeGrid& grid) {
    const auto theirs = file.read<double>(run + ".timesteps");
    BOOST_TEST_REQUIRE(theirs.size() == grid.times().size());
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      // Theirs are computed in float32, each with several roundings of numbers up to 3.
      BOOST_TEST(std::abs(grid.times()[i] - theirs[i]) <= 0x1p-23);
    }
  };
  check("euler_g1.0_i0.0-1.0_s1.0", TimeGrid(6));
  check("euler_g4.0_i0.0-1.0_s3.0", TimeGrid(6, 3));
  check("euler_last0.04", TimeGrid(6, 1, 0.04));
  check("heun_exact1", TimeGrid(6, 1.5, 1.0 / 6));
  check("adams4", TimeGrid(6, 3));
}

BOOST_AUTO_TEST_CASE(bad_settings) {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const int steps : {0, -3}) {
    test::check_throws<ValueError>([&] { TimeGrid grid(steps); }, {"time grid", "at least 1 step"});
  }
  for (const double shift : {0.0, -2.0, infinity, nan}) {
    test::check_throws<ValueError>([&] { TimeGrid grid(5, shift); }, {"shift", "a finite number above 0"});
  }
  for (const double last : {0.0, -0.1, 1.0, 2.0, infinity, nan}) {
    test::check_throws<ValueError>([&] { TimeGrid grid(5, 1, last); },
                                   {"time grid", "a last step above 0 and below 1"});
  }
  // A shift so large that all times but the last are 0 in float64 too.
  test::check_throws<ValueError>([&] { TimeGrid grid(5, 1e-300); }, {"each above the one before"});
  test::check_throws<ValueError>([&] { TimeGrid grid(std::vector<double>{0.0}); }, {"at least 2 times"});
  test::check_throws<ValueError>(
      [&] {
        TimeGrid grid(std::vector<double>{0, 0.5, 0.5});
      },
      {"each above the one before", "0.5 at position 2"});
  test::check_throws<ValueError>([&] { TimeGrid grid(std::vector<double>{0, nan}); }, {"finite times"});
  test::check_throws<ValueError>([&] { TimeGrid grid(std::vector<double>{0, infinity}); }, {"finite times"});
}

BOOST_AUTO_TEST_SUITE_END()
