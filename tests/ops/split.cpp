// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/split.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(split_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto x = random_tensor({2, 6, 5}, 1);
  for (const int axis : {1, -2}) {
    const auto parts = split<3>(x, axis);
    for (std::int64_t k = 0; k < 3; ++k) {
      const auto& part = parts[static_cast<std::size_t>(k)];
      BOOST_TEST(part.shape().string() == "(2, 2, 5)");
      for (std::int64_t i = 0; i < 2; ++i) {
        for (std::int64_t j = 0; j < 10; ++j)
          BOOST_TEST(part.data()[i * 10 + j] == x.data()[i * 30 + k * 10 + j]);
      }
    }
  }
  BOOST_TEST((split<1>(x, 0)[0].to_host() == x.to_host()));
  BOOST_TEST(split<2>(x, 0)[1].data()[0] == x.data()[30]);
  BOOST_TEST(split<5>(x, -1)[4].shape().string() == "(2, 6, 1)");
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{2, 6, 5}, Shape{1, 2, 1}, Shape{3, 0, 2}, Shape{0, 4, 3}}) {
    const auto x = random_tensor(shape, 1);
    check_gradient(
        [](const auto& in) {
          const auto [a, b] = split<2>(in[0], 1);
          return a * b - a;
        },
        {x});
    // A part that is not used has a gradient of zero.
    check_gradient([](const auto& in) { return split<2>(in[0], 1)[1]; }, {x});
  }
}

BOOST_AUTO_TEST_CASE(sizes_that_do_not_fit) {
  const auto x = random_tensor({2, 5}, 1);
  BOOST_CHECK_EXCEPTION(split<2>(x, -1), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[split] expected a multiple of 2 along axis -1, got (2, 5)";
  });
  BOOST_CHECK_THROW(split<2>(x, 2), ShapeError);
  BOOST_CHECK_THROW(split<2>(random_tensor({}, 1), 0), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return split<3>(in[0], 1)[1]; }, {{4, 6, 5}});
}

BOOST_AUTO_TEST_SUITE_END()
