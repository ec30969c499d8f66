// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/tensor/tensor.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(tensor)

BOOST_AUTO_TEST_CASE(undefined) {
  const Tensor<float> x;
  BOOST_TEST(!x.defined());
  BOOST_TEST(x.count() == 0);
  BOOST_TEST(x.bytes() == 0u);
  BOOST_TEST(x.to_host().empty());
  BOOST_TEST((x.data() == nullptr));
  BOOST_TEST(Tensor<float>(Shape{}).defined());
  BOOST_TEST(Tensor<float>(Shape{0}).defined());
}

BOOST_AUTO_TEST_CASE(from_and_to_the_host) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const auto x = Tensor<float>::from_host({2, 3}, values);
  BOOST_TEST((x.to_host() == values));
  BOOST_TEST(x.rank() == 2);
  BOOST_TEST(x.size(-1) == 3);
  BOOST_TEST(x.count() == 6);
  BOOST_TEST(x.bytes() == 24u);
  BOOST_CHECK_EXCEPTION(Tensor<float>::from_host({2, 2}, values), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[tensor] expected 4 values for the shape (2, 2), got 6";
  });
  BOOST_TEST((Tensor<double>::full({3}, 2.5).to_host() == std::vector<double>(3, 2.5)));
  BOOST_TEST((Tensor<std::int64_t>::zeros({3}).to_host() == std::vector<std::int64_t>(3)));
}

BOOST_AUTO_TEST_CASE(copies_share_memory_and_copy_does_not) {
  auto x = random_tensor({2, 3}, 1);
  require_grad(x);
  const auto same = x;
  const auto own = copy(x);
  x.data()[0] = 42;
  BOOST_TEST(same.data()[0] == 42);
  BOOST_TEST(own.data()[0] != 42);
  BOOST_TEST((same.slot() == x.slot()));
  BOOST_TEST((own.slot() == nullptr));
  BOOST_TEST((x.detach().slot() == nullptr));
  BOOST_TEST(x.detach().data() == x.data());
}

BOOST_AUTO_TEST_CASE(memory_lives_as_long_as_a_view) {
  Tensor<double> row;
  {
    const auto x = random_tensor({3, 2}, 1);
    row = x.rows(1, 2);
  }
  BOOST_TEST((row.to_host() == random_tensor({3, 2}, 1).rows(1, 2).to_host()));
}

BOOST_AUTO_TEST_CASE(reshape) {
  auto x = random_tensor({2, 6}, 1);
  require_grad(x);
  const auto y = x.reshape({3, 4});
  BOOST_TEST(y.shape().string() == "(3, 4)");
  BOOST_TEST(y.data() == x.data());
  BOOST_TEST((y.slot() == x.slot()));
  BOOST_TEST(random_tensor({1}, 1).reshape({}).rank() == 0);
  BOOST_CHECK_EXCEPTION(x.reshape({5}), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[reshape] expected a shape of 12 elements to view (2, 6), got (5)";
  });
}

BOOST_AUTO_TEST_CASE(rows) {
  auto x = random_tensor({4, 3}, 1);
  require_grad(x);
  const auto y = x.rows(1, 3);
  BOOST_TEST(y.shape().string() == "(2, 3)");
  BOOST_TEST(y.data() == x.data() + 3);
  BOOST_TEST((y.slot() == nullptr));
  BOOST_TEST(x.rows(4, 4).count() == 0);
  BOOST_CHECK_THROW(x.rows(-1, 2), ShapeError);
  BOOST_CHECK_THROW(x.rows(3, 2), ShapeError);
  BOOST_CHECK_THROW(x.rows(0, 5), ShapeError);
  BOOST_CHECK_THROW(random_tensor({}, 1).rows(0, 1), ShapeError);
}

BOOST_AUTO_TEST_CASE(item) {
  BOOST_TEST(Tensor<float>::full({1, 1}, 3).item() == 3);
  BOOST_TEST(Tensor<float>::full({}, 3).item() == 3);
  BOOST_CHECK_THROW(random_tensor({2}, 1).item(), ShapeError);
  BOOST_CHECK_THROW(Tensor<float>().item(), ShapeError);
}

BOOST_AUTO_TEST_CASE(copy_into_existing_memory) {
  const auto from = random_tensor({2, 3}, 1), to = random_tensor({2, 3}, 2);
  copy_into(to, from);
  BOOST_TEST((to.to_host() == from.to_host()));
  BOOST_CHECK_THROW(copy_into(to, random_tensor({3, 2}, 1)), ShapeError);
}

BOOST_AUTO_TEST_CASE(sizes_that_no_memory_holds) {
  const std::int64_t large = std::int64_t{1} << 61;
  // 2^61 + 1 elements of 8 bytes are 8 bytes modulo 2^64.
  BOOST_CHECK_EXCEPTION(Tensor<double>(Shape{large + 1}), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[tensor] expected fewer than 2^63 bytes, got (2305843009213693953)";
  });
  BOOST_CHECK_THROW(Tensor<double>(Shape{large / 4}), OutOfMemory);
}

BOOST_AUTO_TEST_SUITE_END()
