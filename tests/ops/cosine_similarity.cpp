// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cosine_similarity.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cosine_similarity_op)

BOOST_AUTO_TEST_CASE(values) {
  for (const Shape& shape : {Shape{1}, Shape{5, 3}, Shape{2, 3, 77}, Shape{300, 100}}) {
    const auto x = random_tensor<float>(shape, 1), y = random_tensor<float>(shape, 2);
    const std::int64_t width = shape[-1];
    std::vector<double> expected;
    for (std::int64_t row = 0; row < shape.rows(); ++row) {
      double dot = 0, a = 0, b = 0;
      for (std::int64_t j = row * width; j < (row + 1) * width; ++j) {
        dot += double(x.data()[j]) * y.data()[j];
        a += double(x.data()[j]) * x.data()[j];
        b += double(y.data()[j]) * y.data()[j];
      }
      expected.push_back(dot / std::sqrt(a * b));
    }
    BOOST_TEST(cosine_similarity(x, y).rank() == shape.rank() - 1);
    BOOST_TEST(relative_error(cosine_similarity(x, y).to_host(), expected) < 5e-7);
    for (const float value : cosine_similarity(x, x).to_host())
      BOOST_TEST(value == 1.0f, boost::test_tools::tolerance(1e-6f));
  }
  BOOST_TEST(cosine_similarity(Tensor<double>::zeros({3}), random_tensor({3}, 1)).item() == 0);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const auto function = [](const auto& in) { return cosine_similarity(in[0], in[1]); };
  for (const Shape& shape : {Shape{4}, Shape{3, 2}, Shape{2, 3, 17}, Shape{0, 3}, Shape{2, 0}}) {
    const auto x = random_tensor(shape, 1), y = random_tensor(shape, 2);
    check_gradient(function, {x, y});
    check_gradient([&](const auto& in) { return cosine_similarity(in[0], y); }, {x});
    check_gradient([&](const auto& in) { return cosine_similarity(x, in[0]); }, {y});
    // Vectors shorter than epsilon: one, and both.
    check_gradient([](const auto& in) { return cosine_similarity(in[0], in[1], 100); }, {x, y});
    for (std::int64_t i = 0; i < y.count(); ++i) y.data()[i] *= 1e-3;
    check_gradient([&](const auto& in) { return cosine_similarity(in[0], y, 0.1); }, {x});
  }
  // In one dimension the cosine is a sign: its slope is zero.
  check_gradient(function, {Tensor<double>::full({2, 1}, 1.5), Tensor<double>::full({2, 1}, -0.5)});
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  BOOST_CHECK_EXCEPTION(
      cosine_similarity(random_tensor({2, 3}, 1), random_tensor({3}, 2)), ShapeError, [](const auto& e) {
        return std::string(e.what()) ==
               "[cosine_similarity] expected x and y (..., D) of one shape, got (2, 3) and (3)";
      });
  BOOST_CHECK_THROW(cosine_similarity(random_tensor({}, 1), random_tensor({}, 2)), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return cosine_similarity(in[0], in[1]); }, {{7, 65}, {7, 65}});
}

BOOST_AUTO_TEST_SUITE_END()
