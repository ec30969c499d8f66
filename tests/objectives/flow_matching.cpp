// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/objectives/flow_matching.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(flow_matching)

const std::vector<double> times{0.0, 0.3, 1.0};

BOOST_AUTO_TEST_CASE(point_and_target_of_each_sample) {
  const auto data = random_tensor({3, 2, 4, 5}, 1), noise = random_tensor({3, 2, 4, 5}, 2);
  const auto sample = flow_sample(CosinePath{}, data, noise, times);
  BOOST_TEST(sample.t.to_host() == times, boost::test_tools::per_element());
  BOOST_TEST(!sample.weight.defined());
  std::vector<double> x, velocity;
  for (std::int64_t i = 0; i < data.count(); ++i) {
    const auto p = CosinePath{}(times[static_cast<std::size_t>(i / 40)]);
    x.push_back(p.alpha * data.data()[i] + p.sigma * noise.data()[i]);
    velocity.push_back(p.alpha_slope * data.data()[i] + p.sigma_slope * noise.data()[i]);
  }
  BOOST_TEST(relative_error(sample.x.to_host(), x) < 1e-15);
  BOOST_TEST(relative_error(sample.target.to_host(), velocity) < 1e-15);
}

BOOST_AUTO_TEST_CASE(loss_is_the_mean_weighted_square) {
  const auto data = random_tensor({3, 7}, 1), noise = random_tensor({3, 7}, 2),
             guess = random_tensor({3, 7}, 3);
  const auto weight = [](const PathPoint& p) { return 1 + p.alpha; };
  double plain = 0, weighted = 0;
  for (std::int64_t i = 0; i < 21; ++i) {
    const double difference = guess.data()[i] - (data.data()[i] - noise.data()[i]);
    plain += difference * difference / 21;
    weighted += (1 + times[static_cast<std::size_t>(i / 7)]) * difference * difference / 21;
  }
  int calls = 0;
  const auto model = [&](const Tensor<double>& x, const Tensor<double>& t) {
    ++calls;
    BOOST_TEST((x.shape() == Shape{3, 7}));
    BOOST_TEST((t.shape() == Shape{3}));
    return guess;
  };
  BOOST_TEST(std::abs(flow_matching_loss(LinearPath{}, data, noise, times, model).item() - plain) < 1e-13);
  BOOST_TEST(std::abs(flow_matching_loss(LinearPath{}, data, noise, times, model, weight).item() - weighted) <
             1e-13);
  BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const auto data = random_tensor({3, 5}, 1), noise = random_tensor({3, 5}, 2);
  const auto sample = flow_sample(LinearPath{}, data, noise, times);
  const auto weighted =
      flow_sample(LinearPath{}, data, noise, times, [](const PathPoint& p) { return 0.5 + p.sigma; });
  const auto guess = random_tensor({3, 5}, 3);
  check_gradient([&](const auto& in) { return flow_matching_loss(sample, in[0]); }, {guess});
  check_gradient([&](const auto& in) { return flow_matching_loss(weighted, in[0]); }, {guess});
}

BOOST_AUTO_TEST_CASE(what_does_not_fit) {
  const auto data = random_tensor({3, 5}, 1), noise = random_tensor({3, 4}, 2);
  test::check_throws<ShapeError>([&] { flow_sample(LinearPath{}, data, noise, times); },
                                 {"flow matching", "(3, 5)", "(3, 4)", "3 times"});
  test::check_throws<ShapeError>([&] { flow_sample(LinearPath{}, data, data, std::vector<double>{0.5}); },
                                 {"flow matching", "1 times"});
  for (const double t : {-0.1, 1.1, std::nan("")}) {
    test::check_throws<ValueError>(
        [&] {
          flow_sample(LinearPath{}, data, data, std::vector<double>{0.5, t, 0.5});
        },
        {"times in [0, 1]"});
  }
  test::check_throws<ShapeError>(
      [&] {
        flow_matching_loss(flow_sample(LinearPath{}, data, data, times), random_tensor({3, 1}, 1));
      },
      {"(3, 5)", "(3, 1)"});
}

BOOST_AUTO_TEST_SUITE_END()
