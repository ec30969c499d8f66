// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(silu_op)

BOOST_AUTO_TEST_CASE(values) {
  const auto x = Tensor<float>::from_host({4}, std::vector<float>{-100, -1, 0, 2});
  const auto y = silu(x).to_host();
  BOOST_TEST(std::abs(y[0]) < 1e-35f);
  BOOST_TEST(y[1] == -0.26894142f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(y[2] == 0.0f);
  BOOST_TEST(y[3] == 1.7615942f, boost::test_tools::tolerance(1e-6f));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 0, 3}}) {
    check_gradient([](const auto& in) { return silu(in[0]); }, {random_tensor(shape, 1)});
  }
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  for (const Shape& shape : {Shape{}, Shape{3, 7}, Shape{0}})
    check_bfloat16([](const auto& in) { return silu(in[0]); }, {shape});
}

BOOST_AUTO_TEST_SUITE_END()
