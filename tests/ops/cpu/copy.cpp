// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/cpu/copy.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cpu_copy)

BOOST_AUTO_TEST_CASE(rows_are_written_and_added) {
  // Short rows, many of which make a piece of work, and rows longer than a piece.
  const std::int64_t sizes[][2] = {{1, 1}, {3, 5}, {7000, 3}, {2, 40000}, {0, 3}, {3, 0}};
  for (const auto& [rows, width] : sizes) {
    const auto from = random_tensor({rows, width + 2}, 1);
    for (const bool add : {false, true}) {
      const auto to = Tensor<double>::full({rows, width + 3}, 0.5);
      copy_rows<double>(rows, width, from.data(), {1, width + 2}, {to.data(), add}, {2, width + 3});
      bool right = true;
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < width + 3; ++j) {
          const bool inside = j >= 2 && j < width + 2;
          const double copied = inside ? from.data()[i * (width + 2) + j - 1] : 0;
          right = right && to.data()[i * (width + 3) + j] == (inside && !add ? copied : 0.5 + copied);
        }
      }
      BOOST_TEST(right);
    }
  }
}

BOOST_AUTO_TEST_CASE(axes) {
  BOOST_TEST(axis_index("op", {2, 3}, 1) == 1);
  BOOST_TEST(axis_index("op", {2, 3}, -2) == 0);
  BOOST_CHECK_EXCEPTION(axis_index("op", {2, 3}, 2), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[op] expected an axis of a tensor of rank 2, got axis 2 of (2, 3)";
  });
  BOOST_CHECK_THROW(axis_index("op", {2, 3}, -3), ShapeError);
  BOOST_CHECK_THROW(axis_index("op", {}, 0), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
