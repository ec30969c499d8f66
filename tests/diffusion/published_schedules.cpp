// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include <pixnerd/diffusion/published_schedules.hpp>
#include <pixnerd/io/safetensors/file.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(published_schedules)

BOOST_AUTO_TEST_CASE(agree_with_the_published_implementation) {
  const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/schedules.safetensors");
  const auto times = file.read<double>("t");
  BOOST_TEST_REQUIRE(times.size() == 33u);
  const auto check = [&](const std::string& name, auto ours) {
    const auto theirs = file.read<double>(name);
    BOOST_TEST_REQUIRE(theirs.size() == times.size());
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double value = ours(times[i]), error = std::abs(value - theirs[i]);
      BOOST_TEST(error <= 1e-6 * std::max(1.0, std::abs(value)), name << " at " << times[i] << ": " << error);
    }
  };
  const auto check_path = [&](const std::string& name, auto point) {
    check(name + ".alpha", [&](double t) { return point(t).alpha; });
    check(name + ".sigma", [&](double t) { return point(t).sigma; });
    check(name + ".dalpha", [&](double t) { return point(t).alpha_slope; });
    check(name + ".dsigma", [&](double t) { return point(t).sigma_slope; });
  };
  check_path("linear", LinearPath{});
  check("linear.w", linear_diffusion);
  check_path("gvp", gvp_point);
  check("gvp.w", gvp_diffusion);
  check("vp.alpha", [](double t) { return vp_point(t).alpha; });
  check("vp.sigma", [](double t) { return vp_point(t).sigma; });
  check("vp.beta", [](double t) { return vp_point(t).beta; });
}

BOOST_AUTO_TEST_CASE(vp_clamps_its_time) {
  BOOST_TEST(vp_point(0).alpha == vp_point(1e-3).alpha);
  BOOST_TEST(vp_point(2).sigma == vp_point(1).sigma);
}

BOOST_AUTO_TEST_SUITE_END()
