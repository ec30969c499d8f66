// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/solvers/heun.hpp>

#include "fields.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(heun)

BOOST_AUTO_TEST_CASE(order_2) {
  for (const bool reuse : {false, true}) {
    BOOST_TEST(std::abs(test::order_of(Heun{reuse}, test::even_grid) - 2) < 0.05);
    BOOST_TEST(std::abs(test::order_of(Heun{reuse}, test::graded_grid) - 2) < 0.05);
  }
}

BOOST_AUTO_TEST_CASE(evaluations) {
  for (const int steps : {1, 2, 7}) {
    test::CurvedField exact, reusing;
    const auto x = Tensor<double>::full({2}, 0.5);
    integrate(Heun{}, exact, x, TimeGrid(steps));
    integrate(Heun{true}, reusing, x, TimeGrid(steps));
    BOOST_TEST(exact.evaluations == 2 * steps - 1);
    BOOST_TEST(reusing.evaluations == steps);
  }
}

BOOST_AUTO_TEST_CASE(one_step_is_eulers) {
  test::CurvedField field;
  const auto x = integrate(Heun{}, field, Tensor<double>::full({1}, 0.5), TimeGrid(1)).x;
  BOOST_TEST(x.item() == 0.75);
}

BOOST_AUTO_TEST_SUITE_END()
