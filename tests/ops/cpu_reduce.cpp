#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu_reduce.hpp>

#include "support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_reduce)

BOOST_AUTO_TEST_CASE(lane_sums_of_every_length) {
  const auto x = random_tensor({200}, 1);
  for (std::int64_t begin = 0; begin < 3; ++begin) {
    for (std::int64_t end = begin; end <= 200; ++end) {
      double expected = 0;
      for (std::int64_t i = begin; i < end; ++i) expected += x.data()[i];
      const double sum = lane_sum<double>(begin, end, [&](std::int64_t i) { return x.data()[i]; });
      BOOST_TEST(std::abs(sum - expected) < 1e-12);
    }
  }
}

BOOST_AUTO_TEST_CASE(column_sums_are_written_and_added) {
  for (const std::int64_t rows : {0, 1, 7, 100}) {
    for (const std::int64_t width : {0, 1, 5}) {
      for (const std::int64_t grain : {1, 3, 1000}) {
        const auto x = random_tensor({rows, width}, 1);
        for (const bool add : {false, true}) {
          std::vector<double> sums(static_cast<std::size_t>(width), add ? 0.5 : 1e300),
              expected(sums.size(), add ? 0.5 : 0);
          for (std::int64_t i = 0; i < rows * width; ++i)
            expected[static_cast<std::size_t>(i % width)] += x.data()[i];
          parallel_column_sums<double>(rows, width, grain, GradTarget<double>{sums.data(), add},
                                       [&](std::int64_t begin, std::int64_t end, double* partial) {
                                         for (std::int64_t i = begin * width; i < end * width; ++i)
                                           partial[i % width] += x.data()[i];
                                       });
          BOOST_TEST(relative_error(sums, expected) < 1e-13);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(totals_go_where_the_caller_puts_them) {
  std::vector<int> columns;
  parallel_column_sums<float>(
      4, 3, 2,
      [&](std::int64_t column, float sum) {
        columns.push_back(static_cast<int>(column) * 100 + static_cast<int>(sum));
      },
      [](std::int64_t begin, std::int64_t end, float* sums) {
        for (std::int64_t j = 0; j < 3; ++j) sums[j] += static_cast<float>(end - begin);
      });
  BOOST_TEST((columns == std::vector<int>{4, 104, 204}));
}

BOOST_AUTO_TEST_SUITE_END()
