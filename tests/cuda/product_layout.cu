// SPDX-License-Identifier: MIT
// Which operand the column-major library gets first, which it transposes, and where its columns start.
#include <pixnerd/ops/cuda/product_layout.cuh>

#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_product_layout)

namespace {

/// Element (i, j) of what a column-major matrix means, as the library's documentation defines it.
std::int64_t at(const detail::ColumnMajorMatrix& m, std::int64_t i, std::int64_t j) {
  const std::int64_t row = m.transposed ? j : i, column = m.transposed ? i : j;
  BOOST_TEST_REQUIRE(row < m.rows);
  BOOST_TEST_REQUIRE(column < m.columns);
  BOOST_TEST_REQUIRE(m.leading >= m.rows);
  return row + column * m.leading;
}

/// The product by the column-major description equals that by the row-major one.
void check(const ProductSizes& s, bool transpose_a, bool transpose_b, std::int64_t padding) {
  const std::int64_t stride_a = (transpose_a ? s.rows : s.inner) + padding,
                     stride_b = (transpose_b ? s.inner : s.columns) + padding, stride_c = s.columns + padding,
                     batch_a = stride_a * (transpose_a ? s.inner : s.rows) + padding,
                     batch_b = stride_b * (transpose_b ? s.columns : s.inner) + padding,
                     batch_c = stride_c * s.rows + padding;
  const auto a = detail::random_elements<double>(batch_a * s.batch, 1),
             b = detail::random_elements<double>(batch_b * s.batch, 2);
  std::vector<double> expected(static_cast<std::size_t>(batch_c * s.batch), 0.5), got = expected;
  const auto element = [](const std::vector<double>& of, std::int64_t i) {
    return of.at(static_cast<std::size_t>(i));
  };
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t i = 0; i < s.rows; ++i) {
      for (std::int64_t j = 0; j < s.columns; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < s.inner; ++k) {
          sum += element(a, n * batch_a + (transpose_a ? k * stride_a + i : i * stride_a + k)) *
                 element(b, n * batch_b + (transpose_b ? j * stride_b + k : k * stride_b + j));
        }
        expected.at(static_cast<std::size_t>(n * batch_c + i * stride_c + j)) = sum;
      }
    }
  }
  const auto p = detail::column_major(s, ProductOperand<double>{a.data(), stride_a, transpose_a, batch_a},
                                      ProductOperand<double>{b.data(), stride_b, transpose_b, batch_b},
                                      ProductResult<double>{got.data(), stride_c, false, batch_c});
  BOOST_TEST_REQUIRE(!p.result.transposed);
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k) {
          sum += element(b, n * p.first.batch_stride + at(p.first, i, k)) *
                 element(a, n * p.second.batch_stride + at(p.second, k, j));
        }
        got.at(static_cast<std::size_t>(n * p.result.batch_stride + at(p.result, i, j))) = sum;
      }
    }
  }
  detail::check_close("product", got, expected, 1e-14);
}

}  // namespace

BOOST_AUTO_TEST_CASE(column_major_equals_row_major) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const std::int64_t padding : {0, 3}) {
        check({5, 7, 3}, transpose_a, transpose_b, padding);
        check({1, 1, 1}, transpose_a, transpose_b, padding);
        check({1, 4, 6}, transpose_a, transpose_b, padding);
        check({4, 1, 6}, transpose_a, transpose_b, padding);
        check({4, 6, 1, 3}, transpose_a, transpose_b, padding);
        check({3, 2, 5, 4}, transpose_a, transpose_b, padding);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
