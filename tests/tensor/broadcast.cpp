// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/tensor/broadcast.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(broadcast)

BOOST_AUTO_TEST_CASE(shape) {
  BOOST_TEST(broadcast_shape("op", {}, {}).string() == "()");
  BOOST_TEST(broadcast_shape("op", {2, 3}, {}).string() == "(2, 3)");
  BOOST_TEST(broadcast_shape("op", {3, 1}, {2, 1, 5}).string() == "(2, 3, 5)");
  BOOST_TEST(broadcast_shape("op", {1}, {0}).string() == "(0)");
  BOOST_CHECK_THROW(broadcast_shape("op", {2}, {3}), ShapeError);
  BOOST_CHECK_THROW(broadcast_shape("op", {2}, {0}), ShapeError);
}

BOOST_AUTO_TEST_CASE(axes_collapse) {
  const auto loops = [](const Shape& a, const Shape& b) {
    return BroadcastLoops(broadcast_shape("op", a, b), a, b);
  };
  BOOST_TEST(loops({2, 3, 5}, {2, 3, 5}).rank == 1);
  BOOST_TEST(loops({}, {}).rank == 1);
  BOOST_TEST(loops({2, 1, 5}, {2, 1, 5}).rank == 1);
  BOOST_TEST(loops({2, 3, 5}, {5}).rank == 2);
  BOOST_TEST(loops({2, 3, 5, 7}, {2, 3, 1, 1}).rank == 2);
  BOOST_TEST(loops({2, 3, 5}, {2, 1, 5}).rank == 3);
  BOOST_TEST(loops({2, 3, 5}, {}).rank == 1);
  BOOST_TEST(loops({2, 3, 5}, {5}).count() == 30);
}

BOOST_AUTO_TEST_CASE(pieces_cover_a_range_once) {
  const Shape a{2, 1, 5}, b{3, 1}, y{2, 3, 5};
  const BroadcastLoops loops(y, a, b);
  for (std::int64_t begin = 0; begin <= 30; ++begin) {
    for (std::int64_t end = begin; end <= 30; ++end) {
      std::int64_t next = begin;
      bool right = true;
      loops.for_pieces(begin, end, [&](std::int64_t i, std::int64_t ia, std::int64_t ib, std::int64_t n) {
        right = right && i == next && n > 0 && i / 5 == (i + n - 1) / 5;
        right = right && ia == i / 15 * 5 + i % 5 && ib == i / 5 % 3;
        next += n;
      });
      BOOST_TEST((right && next == end));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
