// SPDX-License-Identifier: MIT
#include <sstream>

#include <boost/test/unit_test.hpp>

#include <pixnerd/tensor/print.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(print)

BOOST_AUTO_TEST_CASE(nested_brackets) {
  const auto x = Tensor<float>::from_host({2, 2}, std::vector<float>{1, 2.5f, -3, 0.1f});
  BOOST_TEST(to_string(x) == "float32 (2, 2) on cpu\n[[1, 2.5],\n[-3, 0.1]]");
  std::ostringstream stream;
  stream << x;
  BOOST_TEST(stream.str() == to_string(x));
}

BOOST_AUTO_TEST_CASE(every_element_type) {
  BOOST_TEST(to_string(Tensor<double>::full({}, 0.5)) == "float64 () on cpu\n0.5");
  BOOST_TEST(to_string(Tensor<std::int64_t>::full({1}, -7)) == "int64 (1) on cpu\n[-7]");
  BOOST_TEST(to_string(Tensor<bfloat16>::full({1, 2}, bfloat16(1.5f))) ==
             "bfloat16 (1, 2) on cpu\n[[1.5, 1.5]]");
}

BOOST_AUTO_TEST_CASE(nothing_to_print) {
  BOOST_TEST(to_string(Tensor<float>(Shape{2, 0})) == "float32 (2, 0) on cpu\n[[],\n[]]");
  BOOST_TEST(to_string(Tensor<float>()) == "float32 () on cpu\n");
}

BOOST_AUTO_TEST_SUITE_END()
