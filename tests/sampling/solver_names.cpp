// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <variant>

#include <pixnerd/sampling/solver_names.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(solver_names_test)

BOOST_AUTO_TEST_CASE(every_name_has_its_stepper) {
  for (const auto name : solver_names) BOOST_CHECK_NO_THROW(solver_by_name(name, 1, {0, 1}));
  BOOST_TEST(std::holds_alternative<Euler>(solver_by_name("euler")));
  BOOST_TEST(!std::get<Heun>(solver_by_name("heun")).reuse);
  BOOST_TEST(std::get<Heun>(solver_by_name("heun-reuse")).reuse);
  BOOST_TEST(std::holds_alternative<Adams>(solver_by_name("adams4")));
  BOOST_TEST(std::holds_alternative<SdeEuler<>>(solver_by_name("sde", 1, {0})));
}

BOOST_AUTO_TEST_CASE(another_name_lists_those_that_exist) {
  test::check_throws<ValueError>(
      [] { solver_by_name("rk4"); },
      {"[solver] expected one of euler, heun, heun-reuse, adams2, adams3, adams4, sde, got rk4"});
}

BOOST_AUTO_TEST_CASE(heun_guides_at_all_times) {
  BOOST_TEST(guides_at_all_times("heun"));
  BOOST_TEST(guides_at_all_times("heun-reuse"));
  BOOST_TEST(!guides_at_all_times("euler"));
  BOOST_TEST(!guides_at_all_times("adams2"));
}

BOOST_AUTO_TEST_SUITE_END()
