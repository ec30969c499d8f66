// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/tape.hpp>
#include <pixnerd/ops/timestep_features.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(timestep_features_op)

BOOST_AUTO_TEST_CASE(values) {
  const std::vector<float> times = {0, 0.1f, 0.5f, 1, 3.7f};
  const auto t = Tensor<float>::from_host({5}, times);
  const auto y = timestep_features(t);
  BOOST_TEST(y.shape().string() == "(5, 256)");
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t k = 0; k < 128; ++k) {
      const double angle = times[i] * std::pow(10.0, -static_cast<double>(k) / 128);
      BOOST_TEST(std::abs(y.data()[i * 256 + k] - std::cos(angle)) < 6e-8);
      BOOST_TEST(std::abs(y.data()[i * 256 + 128 + k] - std::sin(angle)) < 6e-8);
    }
  }
}

BOOST_AUTO_TEST_CASE(another_count_and_period) {
  const auto y = timestep_features(Tensor<double>::full({1}, 2), 4, 10000);
  const auto values = y.to_host();
  BOOST_TEST(values[0] == std::cos(2.0));
  BOOST_TEST(values[1] == std::cos(0.02), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(values[2] == std::sin(2.0));
  BOOST_TEST(values[3] == std::sin(0.02), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(timestep_features(Tensor<double>::zeros({0})).shape().string() == "(0, 256)");
  BOOST_TEST(timestep_features(Tensor<double>::zeros({3}), 0).shape().string() == "(3, 0)");
}

BOOST_AUTO_TEST_CASE(no_gradient) {
  auto t = random_tensor({3}, 1);
  require_grad(t);
  const Tape tape;
  BOOST_TEST((timestep_features(t).slot() == nullptr));
}

BOOST_AUTO_TEST_CASE(errors) {
  const auto t = random_tensor({3}, 1);
  BOOST_CHECK_EXCEPTION(timestep_features(t, 255), ValueError, [](const auto& e) {
    return std::string(e.what()) == "[timestep_features] expected an even number of features, got 255";
  });
  BOOST_CHECK_THROW(timestep_features(t, -2), ValueError);
  BOOST_CHECK_THROW(timestep_features(t, 256, 0), ValueError);
  BOOST_CHECK_THROW(timestep_features(random_tensor({3, 1}, 1)), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  const auto t = random_bfloat16<bfloat16>({5}, 1);
  BOOST_TEST(relative_error(in_float(timestep_features(t)), timestep_features(cast<float>(t)).to_host()) <
             3e-3);
}

BOOST_AUTO_TEST_SUITE_END()
