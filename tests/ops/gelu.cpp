// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/ops/gelu.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(gelu_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto x = Tensor<float>::from_host({5}, std::vector<float>{-100, -1, 0, 0.5f, 2});
  const auto y = gelu(x).to_host();
  BOOST_TEST(std::abs(y[0]) < 1e-35f);
  BOOST_TEST(y[1] == -0.15865525f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(y[2] == 0.0f);
  BOOST_TEST(y[3] == 0.34573123f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(y[4] == 1.95449974f, boost::test_tools::tolerance(1e-6f));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 0, 3}}) {
    check_gradient([](const auto& in) { return gelu(in[0]); }, {random_tensor(shape, 1)});
  }
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  for (const Shape& shape : {Shape{}, Shape{3, 7}, Shape{0}})
    check_bfloat16([](const auto& in) { return gelu(in[0]); }, {shape});
}

BOOST_AUTO_TEST_SUITE_END()
