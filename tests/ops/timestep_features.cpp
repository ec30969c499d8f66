#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/timestep_features.hpp>

#include "support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(timestep_features_op)

BOOST_AUTO_TEST_CASE(values) {
  const std::vector<float> times{0, 0.25f, 1};
  const auto y = timestep_features(Tensor<float>::from_host({3}, times), 256, 10);
  BOOST_TEST((y.shape() == Shape{3, 256}));
  for (int b = 0; b < 3; ++b) {
    for (const int k : {0, 1, 64, 127}) {
      const double angle = double(times[static_cast<std::size_t>(b)]) * std::pow(10.0, -k / 128.0);
      BOOST_TEST(std::abs(y.data()[b * 256 + k] - std::cos(angle)) < 1e-7);
      BOOST_TEST(std::abs(y.data()[b * 256 + 128 + k] - std::sin(angle)) < 1e-7);
    }
  }
}

BOOST_AUTO_TEST_CASE(errors) {
  BOOST_CHECK_THROW(timestep_features(random_tensor({2, 1}, 1), 256, 10), ShapeError);
  BOOST_CHECK_THROW(timestep_features(random_tensor({2}, 1), 255, 10), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
