// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/batched_product.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(batched_product_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto a = random_tensor<float>({2, 3, 5}, 1), b = random_tensor<float>({2, 5, 4}, 2);
  std::vector<double> expected;
  for (int n = 0; n < 2; ++n) {
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 4; ++j) {
        double sum = 0;
        for (int k = 0; k < 5; ++k)
          sum += double(a.data()[(n * 3 + i) * 5 + k]) * b.data()[(n * 5 + k) * 4 + j];
        expected.push_back(sum);
      }
    }
  }
  BOOST_TEST(relative_error(batched_product(a, b).to_host(), expected) < 1e-6);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][4] = {{1, 1, 1, 1}, {3, 2, 5, 7}, {0, 2, 3, 4},
                                   {2, 0, 3, 4}, {2, 3, 0, 4}, {2, 3, 4, 0}};
  for (const auto& [n, rows, inner, columns] : sizes) {
    check_gradient([](const auto& t) { return batched_product(t[0], t[1]); },
                   {random_tensor({n, rows, inner}, 1), random_tensor({n, inner, columns}, 2)});
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  BOOST_CHECK_THROW(batched_product(random_tensor({2, 3, 4}, 1), random_tensor({2, 5, 4}, 2)), ShapeError);
  BOOST_CHECK_THROW(batched_product(random_tensor({2, 3, 4}, 1), random_tensor({3, 4, 4}, 2)), ShapeError);
  BOOST_CHECK_THROW(batched_product(random_tensor({3, 4}, 1), random_tensor({4, 4}, 2)), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return batched_product(in[0], in[1]); }, {{3, 20, 9}, {3, 9, 14}});
}

BOOST_AUTO_TEST_SUITE_END()
