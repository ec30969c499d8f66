#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu_product.hpp>

#include "support.hpp"

using namespace pixnerd;

namespace {

// Element (i, j) of a view.
double at(const MatrixView<const double>& m, std::int64_t i, std::int64_t j) {
  return m.transposed ? m.data[j * m.stride + i] : m.data[i * m.stride + j];
}

std::vector<double> written_out(std::int64_t rows, std::int64_t columns, std::int64_t inner,
                                const MatrixView<const double>& a, const MatrixView<const double>& b) {
  std::vector<double> c;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) sum += at(a, i, k) * at(b, k, j);
      c.push_back(sum);
    }
  }
  return c;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpu_product)

BOOST_AUTO_TEST_CASE(every_layout) {
  const std::int64_t sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {130, 400, 9}, {4, 3, 5000},
                                   {2, 0, 3}, {2, 3, 0}, {0, 2, 3}};
  for (const auto& [rows, columns, inner] : sizes) {
    // Strides larger than the rows: the matrices are parts of larger ones.
    const auto a = random_tensor({rows * inner + 3 * (rows + inner)}, 1),
               b = random_tensor({columns * inner + 3 * (columns + inner)}, 2);
    for (const bool transposed_a : {false, true}) {
      for (const bool transposed_b : {false, true}) {
        const MatrixView<const double> view_a{a.data(), (transposed_a ? rows : inner) + 3, transposed_a};
        const MatrixView<const double> view_b{b.data(), (transposed_b ? inner : columns) + 3, transposed_b};
        const auto expected = written_out(rows, columns, inner, view_a, view_b);
        const auto c = Tensor<double>::full({rows, columns}, 1e300);
        parallel_product<double>(rows, columns, inner, view_a, view_b, c.data(), columns, false);
        BOOST_TEST(relative_error(c.to_host(), expected) < 1e-13);
        parallel_product<double>(rows, columns, inner, view_a, view_b, c.data(), columns, true);
        parallel_product<double>(rows, columns, inner, view_a, view_b, c.data(), columns, true);
        std::vector<double> threefold;
        for (const double value : expected) threefold.push_back(3 * value);
        BOOST_TEST(relative_error(c.to_host(), threefold) < 1e-13);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_bias_is_added_to_every_row) {
  const auto a = random_tensor({4, 5000}, 1), b = random_tensor({5000, 3}, 2), bias = random_tensor({3}, 3);
  auto expected = written_out(4, 3, 5000, {a.data(), 5000}, {b.data(), 3});
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += bias.data()[i % 3];
  const Tensor<double> c({4, 3});
  parallel_product<double>(4, 3, 5000, {a.data(), 5000}, {b.data(), 3}, c.data(), 3, false, bias.data());
  BOOST_TEST(relative_error(c.to_host(), expected) < 1e-13);
}

BOOST_AUTO_TEST_CASE(the_result_may_be_part_of_a_larger_matrix) {
  const auto a = random_tensor({2, 3}, 1), b = random_tensor({3, 2}, 2);
  const auto c = Tensor<double>::full({2, 5}, 7);
  parallel_product<double>(2, 2, 3, {a.data(), 3}, {b.data(), 2}, c.data() + 1, 5, false);
  const auto expected = written_out(2, 2, 3, {a.data(), 3}, {b.data(), 2});
  for (std::int64_t i = 0; i < 2; ++i) {
    for (const std::int64_t j : {0, 3, 4}) BOOST_TEST(c.data()[i * 5 + j] == 7);
    for (std::int64_t j = 0; j < 2; ++j)
      BOOST_TEST(c.data()[i * 5 + 1 + j] == expected[static_cast<std::size_t>(i * 2 + j)],
                 boost::test_tools::tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(one_set_of_instructions_in_this_program) {
  BOOST_TEST(detail::linked_instruction_set() == detail::instruction_set);
  // As it would be with files compiled for different instruction sets.
  const int before = std::exchange(detail::linked_instruction_set(), -2);
  const auto a = random_tensor({1, 1}, 1), c = random_tensor({1, 1}, 2);
  BOOST_CHECK_EXCEPTION(
      parallel_product<double>(1, 1, 1, {a.data(), 1}, {a.data(), 1}, c.data(), 1, false), Error,
      [](const auto& e) {
        return std::string(e.what()) ==
               "[product] expected one set of CPU flags for all files of a program, got files "
               "compiled for different instruction sets";
      });
  detail::linked_instruction_set() = before;
}

BOOST_AUTO_TEST_SUITE_END()
