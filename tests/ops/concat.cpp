// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/split.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(concat_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto a = random_tensor({2, 1, 5}, 1), b = random_tensor({2, 3, 5}, 2),
             c = random_tensor({2, 0, 5}, 3);
  for (const int axis : {1, -2}) {
    const auto y = concat(std::vector{a, b, c, a}, axis);
    BOOST_TEST(y.shape().string() == "(2, 5, 5)");
    for (std::int64_t i = 0; i < 2; ++i) {
      for (std::int64_t j = 0; j < 5; ++j) {
        BOOST_TEST(y.data()[i * 25 + j] == a.data()[i * 5 + j]);
        BOOST_TEST(y.data()[i * 25 + 20 + j] == a.data()[i * 5 + j]);
      }
      for (std::int64_t j = 0; j < 15; ++j) BOOST_TEST(y.data()[i * 25 + 5 + j] == b.data()[i * 15 + j]);
    }
  }
  BOOST_TEST((concat(std::vector{a}, 0).to_host() == a.to_host()));
  const auto parts = split<5>(b, 2);
  BOOST_TEST((concat(std::vector(parts.begin(), parts.end()), 2).to_host() == b.to_host()));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{2, 6, 5}, Shape{1, 1, 1}, Shape{3, 0, 2}, Shape{0, 4, 3}}) {
    for (const int axis : {0, 1, -1}) {
      Shape other = shape;
      other[axis] = 2;
      const auto a = random_tensor(shape, 1), b = random_tensor(other, 2);
      check_gradient(
          [=](const auto& in) {
            const auto y = concat(std::vector{in[0], in[1], in[0]}, axis);
            return y * y;
          },
          {a, b});
      check_gradient([=](const auto& in) { return concat(std::vector{a, in[0]}, axis); }, {b});
    }
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3}, 1);
  BOOST_CHECK_EXCEPTION(concat(std::vector{x, random_tensor({3, 3}, 2)}, 1), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[concat] expected tensors that fit (2, 3) along axis 1, got (3, 3)";
  });
  BOOST_CHECK_THROW(concat(std::vector{x, random_tensor({2}, 2)}, 0), ShapeError);
  BOOST_CHECK_THROW(concat(std::vector{x}, 2), ShapeError);
  BOOST_CHECK_THROW(concat(std::vector<Tensor<float>>{}, 0), ValueError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return concat(std::vector{in[0], in[1]}, 1); }, {{3, 5, 7}, {3, 2, 7}});
}

BOOST_AUTO_TEST_SUITE_END()
