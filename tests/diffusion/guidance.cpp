// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include <pixnerd/diffusion/guidance.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(guidance)

using Labels = Tensor<std::int64_t>;

Labels labels(const std::vector<std::int64_t>& values) {
  return Labels::from_host({static_cast<std::int64_t>(values.size())}, values);
}

/// Velocity of image b: label_b * x + t_b. Keeps the labels of each evaluation.
struct LabelModel {
  mutable std::vector<std::vector<std::int64_t>> seen;

  template <class Tap>
  Tensor<float> forward(const Tensor<float>& x, const Tensor<float>& t, const Labels& condition,
                        Tap&&) const {
    const auto of = condition.to_host();
    BOOST_TEST_REQUIRE(static_cast<std::int64_t>(of.size()) == x.size(0));
    BOOST_TEST_REQUIRE(t.count() == x.size(0));
    seen.push_back(of);
    auto values = x.to_host();
    const std::size_t row = values.size() / of.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = values[i] * static_cast<float>(of[i / row]) + t.data()[i / row];
    }
    return Tensor<float>::from_host(x.shape(), values);
  }
};

const Labels condition = labels({2, 5}), null_condition = labels({-1, -1});

/// The guided velocity at one element of an image.
double expected(double x, double label, double scale, double t) {
  return -x + scale * (label * x + x) + t;
}

void check_values(const Tensor<float>& v, const Tensor<float>& x, double scale, double t, int channels) {
  const std::int64_t row = x.count() / 2, plane = row / x.size(1);
  std::vector<double> values;
  for (std::int64_t i = 0; i < x.count(); ++i) {
    const bool guided = i % row / plane < channels;
    values.push_back(expected(x.data()[i], i < row ? 2 : 5, guided ? scale : 1, t));
  }
  BOOST_TEST(relative_error(v.to_host(), values) < 1e-6);
}

BOOST_AUTO_TEST_CASE(one_evaluation_of_null_and_condition) {
  const LabelModel model;
  const GuidedField field(model, condition, null_condition, Guidance{3.5});
  static_assert(VelocityField<decltype(field)>);
  const auto x = random_tensor<float>({2, 3, 2, 4}, 1);
  check_values(field(x, 0.25), x, 3.5, 0.25, 3);
  BOOST_TEST_REQUIRE(model.seen.size() == 1u);
  BOOST_TEST(model.seen[0] == (std::vector<std::int64_t>{-1, -1, 2, 5}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(outside_the_interval_only_the_condition_is_evaluated) {
  const LabelModel model;
  const GuidedField field(model, condition, null_condition, Guidance{3.5, 0.1, 0.9});
  const auto x = random_tensor<float>({2, 3, 2, 4}, 1);
  for (const double t : {0.0, 0.1, 0.9, 1.0}) {
    check_values(field(x, t), x, 1, t, 3);
    BOOST_TEST(model.seen.back().size() == 2u);
  }
  for (const double t : {0.11, 0.89}) {
    check_values(field(x, t), x, 3.5, t, 3);
    BOOST_TEST(model.seen.back().size() == 4u);
  }
  // Rounding does not carry a step across the bound it falls on.
  field(x, std::nextafter(0.1, 1.0));
  BOOST_TEST(model.seen.back().size() == 2u);
  const GuidedField always(model, condition, null_condition, Guidance{3.5, 0.1, 0.9}.at_all_times());
  for (const double t : {0.0, 0.1, 0.5, 1.0}) {
    check_values(always(x, t), x, 3.5, t, 3);
  }
}

BOOST_AUTO_TEST_CASE(by_default_the_first_and_last_time_are_unguided) {
  const Guidance guidance{4};
  BOOST_TEST(guidance.scale_at(0) == 1.0);
  BOOST_TEST(guidance.scale_at(1) == 1.0);
  BOOST_TEST(guidance.scale_at(1e-30) == 4.0);
  BOOST_TEST(guidance.scale_at(0.5) == 4.0);
}

BOOST_AUTO_TEST_CASE(first_three_channels) {
  const LabelModel model;
  for (const std::int64_t channels : {1, 3, 5}) {
    const GuidedField field(model, condition, null_condition, Guidance{2, 0, 1, GuidedChannels::first_three});
    const auto x = random_tensor<float>({2, channels, 3, 2}, 1);
    check_values(field(x, 0.5), x, 2, 0.5, 3);
  }
}

BOOST_AUTO_TEST_CASE(outputs_that_are_images_become_velocities_before_they_are_guided) {
  const LabelModel model;
  const GuidedField image(model, condition, null_condition, Guidance{3.5}, ImagePrediction{});
  const GuidedField velocity(model, condition, null_condition, Guidance{3.5});
  const auto x = random_tensor<float>({2, 3, 2, 4}, 1);
  const auto expected = velocity_of(ImagePrediction{}, LinearPath{}, velocity(x, 0.25), x, 0.25);
  BOOST_TEST(relative_error(image(x, 0.25).to_host(), expected.to_host()) < 1e-6);
}

BOOST_AUTO_TEST_CASE(bad_settings) {
  const LabelModel model;
  const auto make = [&](const Guidance& g) { GuidedField(model, condition, null_condition, g); };
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const double scale : {infinity, nan}) {
    test::check_throws<ValueError>([&] { make({scale}); }, {"guidance", "a finite scale"});
  }
  test::check_throws<ValueError>([&] { make({2, 0.5, 0.4}); }, {"lower <= upper", "0.5 to 0.4"});
  test::check_throws<ValueError>([&] { make({2, nan, 1}); }, {"lower <= upper"});
  test::check_throws<ShapeError>([&] { GuidedField(model, condition, labels({1}), Guidance{}); },
                                 {"guidance", "(1)", "(2)"});
}

BOOST_AUTO_TEST_SUITE_END()
