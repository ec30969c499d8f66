// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu/product.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_product)

namespace {

/// c = start + a b for every layout of a and b, one element at a time.
void check_product(std::int64_t rows, std::int64_t columns, std::int64_t inner, bool transpose_a,
                   bool transpose_b, bool add) {
  const auto a = random_tensor<double>({rows, inner}, 1), b = random_tensor<double>({inner, columns}, 2);
  const auto transposed = [](const Tensor<double>& x) {
    Tensor<double> out({x.size(1), x.size(0)});
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      for (std::int64_t j = 0; j < x.size(1); ++j)
        out.data()[j * x.size(0) + i] = x.data()[i * x.size(1) + j];
    }
    return out;
  };
  const auto stored_a = transpose_a ? transposed(a) : a, stored_b = transpose_b ? transposed(b) : b;
  const std::int64_t stride = columns + 3;  // the result may be a part of a wider matrix
  const auto c = Tensor<double>::full({rows, stride}, 0.5);
  parallel_product<double>(rows, columns, inner, {stored_a.data(), transpose_a ? rows : inner, transpose_a},
                           {stored_b.data(), transpose_b ? inner : columns, transpose_b}, c.data(), stride,
                           add);
  std::vector<double> expected(static_cast<std::size_t>(rows * stride), 0.5);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      double sum = add ? 0.5 : 0;
      for (std::int64_t k = 0; k < inner; ++k) sum += a.data()[i * inner + k] * b.data()[k * columns + j];
      expected[static_cast<std::size_t>(i * stride + j)] = sum;
    }
  }
  BOOST_TEST(relative_error(c.to_host(), expected) < 1e-13);
}

}  // namespace

BOOST_AUTO_TEST_CASE(all_layouts_and_sizes) {
  // One element, odd sizes, empty sizes, several tiles, and an inner dimension in chunks.
  const std::int64_t sizes[][3] = {{1, 1, 1}, {3, 7, 5},    {0, 3, 2},   {3, 0, 2},
                                   {3, 2, 0}, {300, 5, 17}, {4, 800, 9}, {3, 5, 4100}};
  for (const auto& [rows, columns, inner] : sizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const bool add : {false, true})
          check_product(rows, columns, inner, transpose_a, transpose_b, add);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(mixed_instruction_sets_are_refused) {
  int& linked = detail::linked_instruction_set();
  BOOST_TEST(linked == detail::instruction_set);
  const int before = linked;
  linked = -2;  // what two files with different flags leave behind
  float value = 1;
  BOOST_CHECK_THROW(parallel_product<float>(1, 1, 1, {&value, 1}, {&value, 1}, &value, 1, false), Error);
  linked = before;
}

BOOST_AUTO_TEST_SUITE_END()
