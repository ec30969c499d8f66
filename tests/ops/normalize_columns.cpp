// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/normalize_columns.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(normalize_columns_op)

BOOST_AUTO_TEST_CASE(values) {
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{2, 3, 5}, Shape{3, 64, 128}, Shape{2, 7, 600}}) {
    const auto x = random_tensor<float>(shape, 1);
    const std::int64_t rows = shape[1], columns = shape[2];
    std::vector<double> expected;
    for (std::int64_t i = 0; i < x.count(); ++i) {
      const std::int64_t start = i / (rows * columns) * rows * columns + i % columns;
      double squares = 0;
      for (std::int64_t row = 0; row < rows; ++row) squares += std::pow(x.data()[start + row * columns], 2);
      expected.push_back(x.data()[i] / std::sqrt(squares));
    }
    BOOST_TEST(relative_error(normalize_columns(x).to_host(), expected) < 2e-7);
  }
}

BOOST_AUTO_TEST_CASE(a_column_of_zeros_stays) {
  auto x = Tensor<double>::zeros({1, 3, 2});
  x.data()[1] = 2;
  require_grad(x);
  Tape tape;
  const auto y = normalize_columns(x);
  BOOST_TEST((y.to_host() == std::vector<double>{0, 1, 0, 0, 0, 0}));
  tape.backward(y, Tensor<double>::full({1, 3, 2}, 1));
  BOOST_TEST((grad(x).to_host() == std::vector<double>{1e12, 0, 1e12, 0.5, 1e12, 0.5}));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{2, 3, 5}, Shape{1, 4, 1}, Shape{0, 2, 3}, Shape{2, 0, 3}, Shape{2, 3, 0}}) {
    check_gradient([](const auto& in) { return normalize_columns(in[0]); }, {random_tensor(shape, 1)});
    // Columns shorter than epsilon are scaled by a constant.
    check_gradient([](const auto& in) { return normalize_columns(in[0], 100); }, {random_tensor(shape, 1)});
  }
  check_gradient([](const auto& in) { return normalize_columns(in[0]); }, {random_tensor({1, 3, 300}, 1)});
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  BOOST_CHECK_EXCEPTION(normalize_columns(random_tensor({2, 3}, 1)), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[normalize_columns] expected x (N, rows, columns), got (2, 3)";
  });
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return normalize_columns(in[0]); }, {{3, 40, 19}});
}

BOOST_AUTO_TEST_SUITE_END()
