// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/slice.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(slice_op)

BOOST_AUTO_TEST_CASE(undoes_concat) {
  const auto a = random_tensor({2, 1, 5}, 1), b = random_tensor({2, 3, 5}, 2);
  for (const int axis : {1, -2}) {
    const auto whole = concat(std::vector{a, b}, axis);
    BOOST_TEST((slice(whole, axis, 0, 1).to_host() == a.to_host()));
    BOOST_TEST((slice(whole, axis, 1, 4).to_host() == b.to_host()));
    BOOST_TEST((slice(whole, axis, 1, 4).shape() == b.shape()));
    BOOST_TEST((slice(whole, axis, 2, 2).shape() == Shape{2, 0, 5}));
  }
  BOOST_TEST(slice(b, 2, 3, 4).to_host()[1] == b.data()[8]);
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{2, 6, 5}, Shape{1, 1, 1}, Shape{0, 4, 3}}) {
    for (const int axis : {1, 2}) {
      for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, shape[axis]},
                                       {shape[axis] / 2, shape[axis]},
                                       {shape[axis] / 3, shape[axis] / 2},
                                       {0, 1}}) {
        check_gradient(
            [=, b = begin, e = end](const auto& in) {
              const auto y = slice(in[0], axis, b, e);
              return y * y;
            },
            {random_tensor(shape, 1)});
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(ranges_that_do_not_fit) {
  const auto x = random_tensor({2, 3}, 1);
  BOOST_CHECK_EXCEPTION(slice(x, 1, 1, 4), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[slice] expected a range within axis 1 of (2, 3), got 1 to 4";
  });
  BOOST_CHECK_THROW(slice(x, 1, -1, 2), ShapeError);
  BOOST_CHECK_THROW(slice(x, 1, 2, 1), ShapeError);
  BOOST_CHECK_THROW(slice(x, 2, 0, 1), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return slice(in[0], 1, 1, 3); }, {{3, 5, 4}});
}

BOOST_AUTO_TEST_SUITE_END()
