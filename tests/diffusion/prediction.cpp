// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/diffusion/prediction.hpp>
#include <pixnerd/objectives/flow_matching.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(prediction)

namespace {

/// At times whose division is not clipped, a perfect output stands for the velocity of the path.
template <class Path, class Predicted>
void check_velocity(const Path& path, const Predicted& predicted) {
  const auto data = random_tensor({2, 5}, 1), noise = random_tensor({2, 5}, 2);
  const auto mixed = [&](double of_data, double of_noise) {
    return weighted_sum<double, Cpu>({{of_data, data}, {of_noise, noise}});
  };
  for (const double t : {0.1, 0.37, 0.5, 0.9}) {
    BOOST_TEST_CONTEXT("t " << t) {
      const PathPoint at = path(t);
      const TargetFactors target = predicted.target(at);
      const auto v =
          velocity_of(predicted, path, mixed(target.data, target.noise), mixed(at.alpha, at.sigma), t);
      BOOST_TEST(relative_error(v.to_host(), mixed(at.alpha_slope, at.sigma_slope).to_host()) < 1e-13);
    }
  }
}

const std::vector<double> times{0.2, 0.98};

}  // namespace

BOOST_AUTO_TEST_CASE(a_perfect_output_is_the_velocity_of_the_path) {
  check_velocity(LinearPath{}, VelocityPrediction{});
  check_velocity(LinearPath{}, ImagePrediction{});
  check_velocity(LinearPath{}, NoisePrediction{});
  check_velocity(CosinePath{}, VelocityPrediction{});
  check_velocity(CosinePath{}, ImagePrediction{});
  check_velocity(CosinePath{}, NoisePrediction{});
}

BOOST_AUTO_TEST_CASE(a_velocity_is_not_copied) {
  const auto output = random_tensor({2, 3}, 1);
  BOOST_TEST(velocity_of(VelocityPrediction{}, LinearPath{}, output, random_tensor({2, 3}, 2), 0.4).data() ==
             output.data());
}

BOOST_AUTO_TEST_CASE(divisions_are_clipped) {
  const auto image = random_tensor({1, 4}, 1), x = random_tensor({1, 4}, 2);
  const auto v = velocity_of(ImagePrediction{.least_sigma = 0.1}, LinearPath{}, image, x, 0.97);
  const auto at_the_end = velocity_of(ImagePrediction{}, LinearPath{}, image, x, 1.0);
  const auto from_noise = velocity_of(NoisePrediction{}, LinearPath{}, image, x, 0.0);
  for (int i = 0; i < 4; ++i) {
    const double difference = image.data()[i] - x.data()[i];
    BOOST_TEST(v.data()[i] == difference / 0.1, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(at_the_end.data()[i] == difference / 0.05, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(from_noise.data()[i] == -difference / 0.05, boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(the_loss_is_that_of_the_velocity) {
  const auto data = random_tensor({2, 6}, 1), noise = random_tensor({2, 6}, 2),
             output = random_tensor({2, 6}, 3);
  const auto loss_of = [&](const auto& predicted, const auto& weight) {
    return flow_matching_loss(flow_sample(LinearPath{}, data, noise, times, weight, predicted), output)
        .item();
  };
  double image = 0, eps = 0, weighted = 0;
  for (int i = 0; i < 12; ++i) {
    const double t = times[static_cast<std::size_t>(i / 6)], q = std::max(1 - t, 0.05), p = std::max(t, 0.05);
    const double of_image = (data.data()[i] - output.data()[i]) / q,
                 of_noise = (noise.data()[i] - output.data()[i]) / p;
    image += of_image * of_image / 12;
    eps += of_noise * of_noise / 12;
    weighted += (1 - t) * of_image * of_image / 12;
  }
  const auto sigma = [](const PathPoint& at) { return at.sigma; };
  BOOST_TEST(loss_of(ImagePrediction{}, UnitWeight{}) == image, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(loss_of(NoisePrediction{}, UnitWeight{}) == eps, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(loss_of(ImagePrediction{}, sigma) == weighted, boost::test_tools::tolerance(1e-12));
  const auto sample = flow_sample(LinearPath{}, data, noise, times, UnitWeight{}, ImagePrediction{});
  check_gradient([&](const auto& in) { return flow_matching_loss(sample, in[0]); }, {output});
}

BOOST_AUTO_TEST_SUITE_END()
