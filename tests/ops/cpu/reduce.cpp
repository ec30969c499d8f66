// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu/reduce.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_reduce)

BOOST_AUTO_TEST_CASE(lane_sum_takes_every_term_once) {
  for (const std::int64_t count : {0, 1, 15, 16, 17, 33, 1000}) {
    const auto sum = lane_sum<double>(5, 5 + count, [](std::int64_t i) { return static_cast<double>(i); });
    BOOST_TEST(sum == static_cast<double>(count * 5 + count * (count - 1) / 2));
  }
}

BOOST_AUTO_TEST_CASE(column_sums_write_or_add) {
  for (const std::int64_t rows : {0, 1, 7, 8, 9, 100}) {
    const auto x = random_tensor<double>({rows, 3}, 1);
    for (const bool add : {false, true}) {
      std::vector<double> out(3, 10), expected(3, add ? 10 : 0);
      parallel_column_sums<double>(rows, 3, 8, GradTarget<double>{out.data(), add},
                                   [&](auto begin, auto end, double* sums) {
                                     for (std::int64_t i = begin; i < end; ++i) {
                                       for (int j = 0; j < 3; ++j) sums[j] += x.data()[i * 3 + j];
                                     }
                                   });
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < 3; ++j) expected[j] += x.data()[i * 3 + static_cast<std::int64_t>(j)];
      }
      BOOST_TEST(relative_error(out, expected) < 1e-14);
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const auto x = random_tensor<float>({5000, 7}, 1);
  const int before = thread_count();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    std::vector<float> out(7);
    parallel_column_sums<float>(5000, 7, 16, GradTarget<float>{out.data()},
                                [&](auto begin, auto end, float* sums) {
                                  for (std::int64_t i = begin; i < end; ++i) {
                                    for (int j = 0; j < 7; ++j) sums[j] += x.data()[i * 7 + j];
                                  }
                                });
    results.push_back(out);
  }
  set_thread_count(before);
  BOOST_TEST((results[0] == results[1]));
  BOOST_TEST((results[0] == results[2]));
}

BOOST_AUTO_TEST_SUITE_END()
