// SPDX-License-Identifier: MIT
/// \file
/// Grids of images.
#include <boost/test/unit_test.hpp>
#include <vector>

#include <pixnerd/image/grid.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(grid)

BOOST_AUTO_TEST_CASE(rows_and_gaps) {
  const std::vector<Image> images = {Image(2, 3, 10), Image(2, 3, 20), Image(2, 3, 30)};
  const Image grid = image_grid(images, 2, 1);
  BOOST_TEST(grid.height == 7);
  BOOST_TEST(grid.width == 9);
  for (int y = 0; y < 7; ++y) {
    for (int x = 0; x < 9; ++x) {
      const bool gap = y % 3 == 0 || x % 4 == 0;
      const int index = y / 3 * 2 + x / 4;
      const int expected = gap || index == 3 ? 255 : 10 * (index + 1);
      BOOST_TEST(grid.pixel(y, x)[1] == expected);
    }
  }
  BOOST_TEST(image_grid(images, 100, 0).width == 9);
  check_throws<ValueError>([] { image_grid({}, 2); }, {"0 images"});
  check_throws<ValueError>([&] { image_grid(images, 0); }, {"0 columns"});
  check_throws<ValueError>([&] { image_grid({Image(2, 3), Image(3, 2)}, 2); }, {"2 x 3", "3 x 2"});
}

BOOST_AUTO_TEST_SUITE_END()
