// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/reduce.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(reduce_op)

BOOST_AUTO_TEST_CASE(of_all_elements) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{3, 7}, Shape{2, 100, 999}}) {
    const auto x = random_tensor<float>(shape, 1);
    double expected = 0;
    for (std::int64_t i = 0; i < x.count(); ++i) expected += double(x.data()[i]);
    BOOST_TEST(sum(x).rank() == 0);
    BOOST_TEST(sum(x).item() == static_cast<float>(expected), boost::test_tools::tolerance(1e-6f));
    BOOST_TEST(mean(x).item() == static_cast<float>(expected / static_cast<double>(x.count())),
               boost::test_tools::tolerance(1e-6f));
  }
  BOOST_TEST(sum(random_tensor({3, 0}, 1)).item() == 0);
}

BOOST_AUTO_TEST_CASE(over_one_axis) {
  // Wide, long and flat: several column tiles, several blocks of rows, many short sums.
  for (const Shape& shape : {Shape{2, 3, 5}, Shape{1, 2, 700}, Shape{2, 1000, 3}, Shape{400, 300, 1},
                             Shape{1, 1, 70000}, Shape{20000, 3}, Shape{3, 20000}, Shape{5}}) {
    const auto x = random_tensor(shape, 1);
    for (int axis = -shape.rank(); axis < shape.rank(); ++axis) {
      const int at = axis < 0 ? axis + shape.rank() : axis;
      const std::int64_t n = shape[at], inner = shape.count(at + 1, shape.rank());
      std::vector<double> total(static_cast<std::size_t>(x.count() / n)), average;
      for (std::int64_t i = 0; i < x.count(); ++i)
        total[static_cast<std::size_t>(i / inner / n * inner + i % inner)] += x.data()[i];
      for (const double value : total) average.push_back(value / static_cast<double>(n));
      BOOST_TEST(sum(x, axis).rank() == shape.rank() - 1);
      BOOST_TEST(relative_error(sum(x, axis).to_host(), total) < 1e-12);
      BOOST_TEST(relative_error(mean(x, axis).to_host(), average) < 1e-12);
    }
  }
  BOOST_TEST(sum(random_tensor({2, 3, 5}, 1), 1).shape().string() == "(2, 5)");
  BOOST_TEST((sum(random_tensor({2, 0}, 1), 1).to_host() == std::vector<double>(2)));
  BOOST_TEST(sum(random_tensor({2, 0}, 1), 0).shape().string() == "(0)");
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 0, 3}, Shape{2, 3, 5}}) {
    const auto x = random_tensor(shape, 1);
    const auto square = [](const auto& y) { return y * y; };
    check_gradient([&](const auto& in) { return square(sum(in[0])); }, {x});
    if (x.count() > 0) check_gradient([&](const auto& in) { return square(mean(in[0])); }, {x});
    for (int axis = -shape.rank(); axis < shape.rank(); ++axis) {
      check_gradient([&](const auto& in) { return square(sum(in[0], axis)); }, {x});
      if (shape[axis] > 0) check_gradient([&](const auto& in) { return square(mean(in[0], axis)); }, {x});
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient_over_many_elements) {
  auto x = random_tensor({50000}, 1), y = random_tensor({3, 20000}, 2), z = random_tensor({100, 300}, 3);
  require_grad(x);
  require_grad(y);
  require_grad(z);
  Tape tape;
  tape.backward(sum(x) + sum(mean(y, 1)) + sum(mean(z, 0)));
  BOOST_TEST((grad(x).to_host() == std::vector<double>(50000, 1.0)));
  BOOST_TEST((grad(y).to_host() == std::vector<double>(60000, 1.0 / 20000)));
  BOOST_TEST((grad(z).to_host() == std::vector<double>(30000, 1.0 / 100)));
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  std::vector<std::vector<float>> results;
  const auto x = random_tensor<float>({3, 1000, 300}, 1);
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    for (int axis = 0; axis < 3; ++axis) results.push_back(sum(x, axis).to_host());
    results.push_back(sum(x).to_host());
  }
  set_thread_count(before);
  for (std::size_t i = 0; i < 4; ++i)
    BOOST_TEST((results[i] == results[i + 4] && results[i] == results[i + 8]));
}

BOOST_AUTO_TEST_CASE(errors) {
  BOOST_CHECK_EXCEPTION(mean(random_tensor({2, 0}, 1)), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[mean] expected at least one element, got (2, 0)";
  });
  BOOST_CHECK_THROW(mean(random_tensor({2, 0}, 1), -1), ShapeError);
  BOOST_CHECK_THROW(sum(random_tensor({2, 3}, 1), 2), ShapeError);
  BOOST_CHECK_THROW(sum(random_tensor({}, 1), 0), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return sum(in[0]); }, {{3, 5, 7}});
  check_bfloat16([](const auto& in) { return mean(in[0], 0); }, {{30, 5}});
  check_bfloat16([](const auto& in) { return mean(in[0], -1); }, {{3, 50}});
}

BOOST_AUTO_TEST_SUITE_END()
