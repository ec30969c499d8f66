// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/image/canvas.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(canvas)

namespace {

int count(const Image& image) {
  int painted = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) painted += image.pixel(y, x)[0] == 9;
  }
  return painted;
}

constexpr Color nine{9, 9, 9};

}  // namespace

BOOST_AUTO_TEST_CASE(what_lies_outside_is_clipped) {
  Image image(4, 6, 0);
  Canvas(image).fill(-2, 2, 4, 10, nine);
  BOOST_TEST(count(image) == 4);
  BOOST_TEST(image.pixel(3, 1)[2] == 9);
  BOOST_TEST(image.pixel(3, 2)[2] == 0);
}

BOOST_AUTO_TEST_CASE(lines_and_text) {
  Image image(9, 20, 0);
  Canvas(image).line(2, 4, 12, 4, 1, nine);
  BOOST_TEST(count(image) == 11);
  Image text(9, 20, 0);
  Canvas(text).write(1, 1, "1?", 1, nine);
  BOOST_TEST(count(text) == 10);  // a one, and a gap
  BOOST_TEST(Canvas::text_width("1?", 2) == 24);
}

BOOST_AUTO_TEST_SUITE_END()
