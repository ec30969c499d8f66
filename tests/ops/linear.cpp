// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/linear.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(linear_op)

BOOST_AUTO_TEST_CASE(matches_the_sum_written_out) {
  // Sizes on both sides of the tile borders, and an inner dimension that is split into chunks.
  const std::int64_t sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {129, 385, 33}, {5, 3, 9001}, {200, 2, 4096}};
  for (const auto& [rows, out, in] : sizes) {
    const auto x = random_tensor<float>({rows, in}, 1), weight = random_tensor<float>({out, in}, 2);
    const auto bias = random_tensor<float>({out}, 3);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < out; ++j) {
        double sum = bias.data()[j];
        for (std::int64_t k = 0; k < in; ++k) sum += double(x.data()[i * in + k]) * weight.data()[j * in + k];
        expected.push_back(sum);
      }
    }
    BOOST_TEST(relative_error(linear(x, weight, bias).to_host(), expected) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {0, 2, 3}, {2, 0, 3}, {2, 3, 0}, {17, 2, 5}};
  for (const auto& [rows, out, in] : sizes) {
    check_gradient([](const auto& t) { return linear(t[0], t[1], t[2]); },
                   {random_tensor({rows, in}, 1), random_tensor({out, in}, 2), random_tensor({out}, 3)});
    check_gradient([](const auto& t) { return linear(t[0], t[1]); },
                   {random_tensor({1, rows, in}, 1), random_tensor({out, in}, 2)});
  }
}

BOOST_AUTO_TEST_CASE(gradient_over_split_rows) {
  // More than 4096 rows: the weight gradient is summed in chunks.
  const auto x = random_tensor({5000, 3}, 1), weight = random_tensor({2, 3}, 2),
             r = random_tensor({5000, 2}, 3);
  auto w = copy(weight);
  require_grad(w);
  Tape tape;
  const auto y = linear(x, w);
  tape.backward(y, r);
  std::vector<double> expected(6);
  for (int i = 0; i < 5000; ++i) {
    for (int j = 0; j < 2; ++j) {
      for (int k = 0; k < 3; ++k) expected[j * 3 + k] += r.data()[i * 2 + j] * x.data()[i * 3 + k];
    }
  }
  BOOST_TEST(relative_error(grad(w).to_host(), expected) < 1e-13);
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const auto x = random_tensor<float>({300, 5000}, 1), weight = random_tensor<float>({70, 5000}, 2);
  const int before = thread_count();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    results.push_back(linear(x, weight).to_host());
  }
  set_thread_count(before);
  BOOST_TEST((results[0] == results[1]));
  BOOST_TEST((results[0] == results[2]));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  BOOST_CHECK_EXCEPTION(
      linear(random_tensor({2, 3}, 1), random_tensor({5, 4}, 2)), ShapeError, [](const auto& e) {
        return std::string(e.what()) ==
               "[linear] expected x (..., in) and weight (out, in), got x (2, 3) and weight (5, 4)";
      });
  BOOST_CHECK_THROW(linear(random_tensor({2, 3}, 1), random_tensor({5, 3}, 2), random_tensor({4}, 3)),
                    ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return linear(in[0], in[1], in[2]); }, {{2, 30, 17}, {23, 17}, {23}},
                 {1, 2});
  check_bfloat16([](const auto& in) { return wide_linear(in[0], in[1], in[2]); },
                 {{2, 30, 17}, {23, 17}, {23}}, {1, 2});
  check_bfloat16([](const auto& in) { return linear(in[0], in[1]); }, {{300, 17}, {23, 17}}, {1});
}

BOOST_AUTO_TEST_CASE(wide_result_is_not_rounded) {
  const auto x = random_bfloat16<bfloat16>({30, 17}, 1), weight = random_bfloat16<bfloat16>({23, 17}, 2);
  const auto expected = linear(cast<float>(x), cast<float>(weight));
  BOOST_TEST((wide_linear(x, weight).to_host() == expected.to_host()));
  BOOST_TEST((linear(x, weight).to_host() == cast<bfloat16>(expected).to_host()));
}

BOOST_AUTO_TEST_SUITE_END()
