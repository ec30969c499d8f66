// SPDX-License-Identifier: MIT
#include <limits>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/shape.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(shape)

BOOST_AUTO_TEST_CASE(sizes_and_axes) {
  const Shape shape{2, 3, 5};
  BOOST_TEST(shape.rank() == 3);
  BOOST_TEST(shape[0] == 2);
  BOOST_TEST(shape[-1] == 5);
  BOOST_TEST(shape[-3] == 2);
  BOOST_TEST(shape.count() == 30);
  BOOST_TEST(shape.count(1, 3) == 15);
  BOOST_TEST(shape.count(1, 1) == 1);
  BOOST_TEST(shape.rows() == 6);
  BOOST_TEST(shape.string() == "(2, 3, 5)");
  BOOST_TEST(str_cat("of ", shape) == "of (2, 3, 5)");
  Shape other = shape;
  BOOST_TEST((other == shape));
  other[-1] = 7;
  BOOST_TEST((!(other == shape)));
  BOOST_TEST((!(Shape{2, 3} == shape)));
  BOOST_TEST((!(Shape{2} == Shape{2, 1})));
}

BOOST_AUTO_TEST_CASE(a_scalar_has_one_element) {
  BOOST_TEST(Shape{}.count() == 1);
  BOOST_TEST(Shape{}.rows() == 1);
  BOOST_TEST(Shape{}.string() == "()");
  BOOST_CHECK_THROW(Shape{}[0], ShapeError);
}

BOOST_AUTO_TEST_CASE(axes_out_of_range) {
  const Shape shape{2, 3};
  BOOST_CHECK_EXCEPTION(shape[2], ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[shape] expected an axis of a tensor of rank 2, got axis 2 of (2, 3)";
  });
  BOOST_CHECK_THROW(shape[-3], ShapeError);
}

BOOST_AUTO_TEST_CASE(sizes_that_cannot_be) {
  BOOST_CHECK_THROW((Shape{2, -1}), ShapeError);
  BOOST_CHECK_NO_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1}));
  BOOST_CHECK_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
}

BOOST_AUTO_TEST_CASE(a_count_that_does_not_fit) {
  const std::int64_t large = std::int64_t{1} << 32;
  BOOST_CHECK_THROW((Shape{large, large}), ShapeError);
  BOOST_TEST((Shape{large, large / 4}).count() == std::int64_t{1} << 62);
  BOOST_TEST((Shape{std::numeric_limits<std::int64_t>::max()}).count() ==
             std::numeric_limits<std::int64_t>::max());
  // A zero in front or behind makes any tensor empty.
  BOOST_TEST((Shape{0, large, large}).count() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
