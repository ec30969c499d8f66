// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/solvers/euler.hpp>

#include "fields.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(euler)

BOOST_AUTO_TEST_CASE(order_1) {
  BOOST_TEST(std::abs(test::order_of(Euler{}, test::even_grid) - 1) < 0.05);
  BOOST_TEST(std::abs(test::order_of(Euler{}, test::graded_grid) - 1) < 0.05);
}

BOOST_AUTO_TEST_CASE(one_evaluation_a_step) {
  test::CurvedField field;
  integrate(Euler{}, field, Tensor<double>::full({2}, 0.5), TimeGrid(7));
  BOOST_TEST(field.evaluations == 7);
}

BOOST_AUTO_TEST_SUITE_END()
