// SPDX-License-Identifier: MIT
// The sums that operations on the GPU share.
#include <pixnerd/ops/cuda/reduce.cuh>

#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_reduce_kernels)

namespace {

struct Product {
  const float* x;
  std::int64_t width;
  __device__ float operator()(std::int64_t row, std::int64_t column) const {
    return x[row * width + column] * static_cast<float>(column + 1);
  }
};

struct Square {
  const float* x;
  __device__ double operator()(std::int64_t i) const { return static_cast<double>(x[i]) * x[i]; }
};

struct Store {
  double* to;
  __device__ void operator()(double total) const { *to = total; }
};

template <class T>
void check_columns(std::int64_t rows, std::int64_t width, std::int64_t offset, bool add) {
  using W = wide_t<T>;
  const auto values = detail::random_elements<T>(rows * width + offset, 1);
  const auto before = detail::random_elements<W>(width, 2);
  const auto x =
      Tensor<T, Cuda>::from_host({rows * width + offset}, values).rows(offset, rows * width + offset);
  const auto sums = add ? Tensor<W, Cuda>::from_host({width}, before)
                        : Tensor<W, Cuda>::full({width}, std::numeric_limits<W>::quiet_NaN());
  const auto again = Tensor<W, Cuda>::zeros({width});
  sums.to_host();
  column_sums_of("test", rows, width, x.data(), GradTarget<W>{sums.data(), add});
  column_sums_of("test", rows, width, x.data(), GradTarget<W>{again.data()});
  std::vector<double> expected;
  for (std::int64_t j = 0; j < width; ++j) {
    double sum = add ? before[j] : 0;
    for (std::int64_t i = 0; i < rows; ++i) sum += static_cast<double>(W(values[offset + i * width + j]));
    expected.push_back(sum);
  }
  // Sums in float32 are close whatever the elements are.
  detail::check_close(str_cat("column sums ", element_name<T>, " ", rows, " x ", width, " + ", offset),
                      detail::doubles_of(sums), expected, std::same_as<T, double> ? 1e-12 : 1e-5);
  if (!add) BOOST_TEST(sums.to_host() == again.to_host());
}

}  // namespace

BOOST_AUTO_TEST_CASE(columns_are_summed) {
  for (const std::int64_t rows : {0, 1, 7, 300, 5000}) {
    for (const std::int64_t width : {1, 3, 8, 37, 64}) {
      check_columns<float>(rows, width, 0, rows % 2 == 0);
      check_columns<bfloat16>(rows, width, 0, rows % 2 != 0);
      check_columns<bfloat16>(rows, width, 1, false);
      check_columns<double>(rows, width, 0, true);
    }
  }
  check_columns<float>(2, 0, 0, false);
  check_columns<float>(3, 17'000, 0, false);
}

BOOST_AUTO_TEST_CASE(terms_are_summed) {
  const std::int64_t rows = 2500, width = 5;
  const auto values = detail::random_elements<float>(rows * width, 1);
  const auto x = Tensor<float, Cuda>::from_host({rows, width}, values);
  const Tensor<float, Cuda> sums({width});
  column_sums<float>("test", rows, width, Product{x.data(), width}, {sums.data()});
  std::vector<double> expected(width);
  for (std::int64_t i = 0; i < rows * width; ++i) expected[i % width] += values[i] * double(i % width + 1);
  detail::check_close("column sums of terms", detail::doubles_of(sums), expected, 1e-5);
}

BOOST_AUTO_TEST_CASE(totals_are_summed_in_double) {
  for (const std::int64_t count : {0, 1, 255, 2049, 100'003}) {
    const auto values = detail::random_elements<float>(count, 1);
    const auto x = Tensor<float, Cuda>::from_host({count}, values);
    const Tensor<double, Cuda> total(Shape{});
    total_sum("test", count, Square{x.data()}, Store{total.data()});
    double expected = 0;
    for (const float value : values) expected += static_cast<double>(value) * value;
    BOOST_TEST(std::abs(total.item() - expected) <= 1e-13 * expected);
  }
}

BOOST_AUTO_TEST_SUITE_END()
