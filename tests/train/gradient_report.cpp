// SPDX-License-Identifier: MIT
#include <pixnerd/train/gradient_report.hpp>

#include <limits>

#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(gradient_report)

BOOST_AUTO_TEST_CASE(has_a_row_for_each_parameter) {
  test::TinyModel model(1);
  const test::Store store(model);
  const auto& entry = store.entries()[1];
  float* gradients = store.part(store.gradients(), entry).data();
  gradients[0] = 3;
  gradients[5] = -4;
  const auto rows = report_gradients(store);
  BOOST_TEST_REQUIRE(rows.size() == 3u);
  BOOST_TEST(rows[0].name == "first.weight");
  BOOST_TEST(rows[0].elements == 13 * 7);
  BOOST_TEST(rows[0].grad_norm == 0);
  BOOST_TEST(rows[0].weight_norm > 0);
  BOOST_TEST(rows[1].name == "first.bias");
  BOOST_TEST(rows[1].grad_norm == 5);
  BOOST_TEST(rows[1].largest_gradient == 4);
  BOOST_TEST(rows[1].non_finite == 0);

  gradients[1] = std::numeric_limits<float>::quiet_NaN();
  gradients[2] = -std::numeric_limits<float>::infinity();
  const auto bad = report_gradients(store)[1];
  BOOST_TEST(std::isnan(bad.grad_norm));
  BOOST_TEST(bad.largest_gradient == 4);
  BOOST_TEST(bad.non_finite == 2);
}

BOOST_AUTO_TEST_SUITE_END()
