// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/solvers/adams.hpp>

#include "fields.hpp"
#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(adams)

BOOST_AUTO_TEST_CASE(order_k) {
  for (int order = 1; order <= 4; ++order) {
    BOOST_TEST(std::abs(test::order_of(Adams(order), test::graded_grid) - order) < 0.1);
  }
}

BOOST_AUTO_TEST_CASE(one_evaluation_a_step) {
  test::CurvedField field;
  integrate(Adams(4), field, Tensor<double>::full({2}, 0.5), TimeGrid(7));
  BOOST_TEST(field.evaluations == 7);
}

BOOST_AUTO_TEST_CASE(coefficients_of_even_steps_are_the_classical_ones) {
  const std::vector<double> times{-3, -2, -1, 0};
  const std::vector<std::vector<double>> classical{{1},
                                                   {-1.0 / 2, 3.0 / 2},
                                                   {5.0 / 12, -16.0 / 12, 23.0 / 12},
                                                   {-9.0 / 24, 37.0 / 24, -59.0 / 24, 55.0 / 24}};
  for (std::size_t k = 1; k <= 4; ++k) {
    const auto ours = adams_coefficients(std::span(times).subspan(4 - k), 0, 1);
    for (std::size_t j = 0; j < k; ++j) BOOST_TEST(std::abs(ours[j] - classical[k - 1][j]) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(coefficients_agree_with_the_published_implementation) {
  const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/samplers.safetensors");
  const TimeGrid grid(6, 3);
  for (std::size_t order = 1; order <= 4; ++order) {
    const auto theirs = file.read<double>(str_cat("adams", order, ".coeffs"));
    for (std::size_t i = 0; i < 6; ++i) {
      const std::size_t known = std::min(i + 1, order);
      const auto times = std::span(grid.times()).subspan(i + 1 - known, known);
      const auto ours = adams_coefficients(times, grid.times()[i], grid.times()[i + 1]);
      BOOST_TEST(std::abs(std::accumulate(ours.begin(), ours.end(), 0.0) - 1) < 1e-13);
      for (std::size_t j = 0; j < 4; ++j) {
        const double expected = theirs[4 * i + j], value = j < known ? ours[j] : 0;
        BOOST_TEST(std::abs(value - expected) <= 1e-4,
                   "order " << order << " step " << i << ": " << value << " instead of " << expected);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(bad_orders) {
  for (const int order : {0, 5, -1}) {
    test::check_throws<ValueError>([&] { Adams stepper(order); },
                                   {"Adams", "an order of 1 to 4", str_cat(order)});
  }
}

BOOST_AUTO_TEST_SUITE_END()
