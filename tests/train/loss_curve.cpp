// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <set>
#include <vector>

#include <pixnerd/train/loss_curve.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(loss_curve)

BOOST_AUTO_TEST_CASE(a_curve_has_lines_of_several_colors) {
  std::vector<MetricsRow> rows;
  for (std::int64_t step = 1; step <= 50; ++step) rows.push_back({step, 1.0 / static_cast<double>(step)});
  const Image image = draw_loss_curve(rows);
  BOOST_TEST(image.width > 100);
  BOOST_TEST(image.height > 100);
  std::set<std::vector<std::uint8_t>> colors;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) colors.insert({image.pixel(y, x), image.pixel(y, x) + 3});
  }
  BOOST_TEST(colors.size() >= 3u);
}

BOOST_AUTO_TEST_CASE(no_rows_and_one_row_are_drawn) {
  BOOST_CHECK_NO_THROW(draw_loss_curve({}));
  BOOST_CHECK_NO_THROW(draw_loss_curve({{1, 0.5}}));
}

BOOST_AUTO_TEST_SUITE_END()
