// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include <pixnerd/models/pixnerd_c2i.hpp>
#include <pixnerd/sampling/sample.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(sample_test)

namespace {

using Labels = Tensor<std::int64_t>;

/// A model whose head is not zero.
PixnerdC2i<> small_model() {
  Initializer init(1);
  PixnerdC2i<> model(
      {.patch = 4, .width = 24, .heads = 2, .depth = 2, .decoder = {.depth = 1, .features = 8}, .classes = 3},
      init);
  std::uint32_t stream = 0;
  for_each_parameter(model, [&](const std::string&, const Tensor<float>& parameter) {
    copy_into(parameter, scale(random_tensor<float>(parameter.shape(), ++stream), 0.2));
  });
  return model;
}

const PixnerdC2i<> model = small_model();

Labels labels_of(const std::vector<std::int64_t>& labels) {
  return Labels::from_host({static_cast<std::int64_t>(labels.size())}, labels);
}

SampleOptions small_options() {
  SampleOptions options;
  options.height = options.width = 8;
  options.grid = TimeGrid(3);
  options.seed = 5;
  return options;
}

std::vector<float> images(const std::vector<std::int64_t>& labels, const SampleOptions& options) {
  return sample(model, labels_of(labels), options).images.to_host();
}

}  // namespace

BOOST_AUTO_TEST_CASE(is_the_solution_of_the_guided_field) {
  const auto options = small_options();
  Tensor<float> noise({2, 3, 8, 8});
  fill_normal_per_sample(noise, 5, RandomPurpose::sampling_noise, std::vector<std::uint32_t>{0, 1}, 0);
  const GuidedField field(model, labels_of({0, 2}), labels_of({3, 3}), options.guidance);
  BOOST_TEST((images({0, 2}, options) == integrate(Euler{}, field, noise, options.grid).x.to_host()));

  auto heun = options;
  heun.solver = "heun";
  const GuidedField always(model, labels_of({0, 2}), labels_of({3, 3}), options.guidance.at_all_times());
  BOOST_TEST((images({0, 2}, heun) == integrate(Heun{}, always, noise, options.grid).x.to_host()));
}

// Up to rounding: sums in products depend on their sizes.
BOOST_AUTO_TEST_CASE(an_image_depends_on_nothing_but_itself) {
  for (const auto name : solver_names) {
    BOOST_TEST_CONTEXT("solver " << name) {
      auto options = small_options();
      options.solver = name;
      options.batch = 2;
      const auto together = images({0, 2, 1}, options);
      options.batch = 1;
      BOOST_TEST(relative_error(images({0, 2, 1}, options), together) < 1e-5);
      const auto fewer = images({0, 2}, options);
      BOOST_TEST(relative_error(fewer, std::vector<float>(together.begin(), together.begin() + 2 * 192)) <
                 1e-5);
    }
  }
}

BOOST_AUTO_TEST_CASE(noise_of_pytorch) {
  auto options = small_options();
  options.torch_seed = 42;
  options.trajectories = 1;
  std::vector<float> noise(192);
  TorchRandom(42).normal(noise);
  const auto samples = sample(model, labels_of({1}), options);
  BOOST_TEST((samples.trajectories.at(0).rows(0, 1).to_host() == noise));
}

BOOST_AUTO_TEST_CASE(blending_with_a_second_condition) {
  auto options = small_options();
  const auto blended = [&](double share) {
    options.blend = share;
    return sample(model, labels_of({0}), options, labels_of({2})).images.to_host();
  };
  BOOST_TEST(relative_error(blended(0), images({0}, options)) < 1e-6);
  BOOST_TEST(relative_error(blended(1), images({2}, options)) < 1e-6);
  BOOST_TEST(relative_error(blended(0.5), images({0}, options)) > 1e-3);
}

BOOST_AUTO_TEST_CASE(a_mask_keeps_what_it_does_not_cover) {
  auto options = small_options();
  options.init = random_tensor<float>({1, 3, 8, 8}, 7);
  options.mask = Tensor<float>::zeros({1, 3, 8, 8});
  BOOST_TEST(relative_error(images({1}, options), options.init->to_host()) < 1e-5);
  options.mask = Tensor<float>::full({1, 3, 8, 8}, 1.0f);
  auto plain = small_options();
  BOOST_TEST((images({1}, options) == images({1}, plain)));
  // Little strength leaves most of the image.
  options.mask.reset();
  options.strength = 0.01;
  BOOST_TEST(relative_error(images({1}, options), options.init->to_host()) < 0.1);
}

BOOST_AUTO_TEST_CASE(trajectories_begin_with_noise_and_end_with_the_image) {
  auto options = small_options();
  options.trajectories = 2;
  const auto samples = sample(model, labels_of({0, 1, 2}), options);
  BOOST_TEST(samples.trajectories.size() == 2u);
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto& way = samples.trajectories[static_cast<std::size_t>(i)];
    BOOST_TEST((way.shape() == Shape{4, 3, 8, 8}));
    BOOST_TEST((way.rows(3, 4).to_host() == samples.images.rows(i, i + 1).to_host()));
  }
}

BOOST_AUTO_TEST_CASE(progress_tells_the_share_and_stops) {
  auto options = small_options();
  options.batch = 1;
  std::vector<double> shares;
  options.progress = [&](double share) {
    shares.push_back(share);
    return true;
  };
  images({0, 1}, options);
  BOOST_TEST(shares.size() == 6u);
  BOOST_TEST(shares.back() == 1.0);
  options.progress = [](double share) { return share < 0.5; };
  BOOST_TEST(!sample(model, labels_of({0, 1}), options).images.defined());
}

BOOST_AUTO_TEST_CASE(outputs_may_be_images) {
  const auto options = small_options();
  const auto velocities = images({1}, options);
  const auto as_images = sample(model, labels_of({1}), options, {}, ImagePrediction{}).images.to_host();
  BOOST_TEST(relative_error(as_images, velocities) > 1e-3);
}

BOOST_AUTO_TEST_CASE(bad_options_are_one_sentence) {
  const auto refused = [](auto change, const std::vector<std::string>& words) {
    auto options = small_options();
    change(options);
    check_throws<Error>([&] { images({1}, options); }, words);
  };
  refused([](auto& o) { o.solver = "rk4"; }, {"[solver]", "euler", "rk4"});
  refused([](auto& o) { o.strength = 0.5; }, {"[sample]", "an image to begin from"});
  refused([](auto& o) { o.strength = std::nan(""); }, {"[sample]", "strength"});
  refused([](auto& o) { o.mask = Tensor<float>::zeros({1, 3, 8, 8}); }, {"[sample]", "beside the mask"});
  refused(
      [](auto& o) {
        o.init = Tensor<float>::zeros({1, 3, 4, 8});
      },
      {"[sample]", "(1, 3, 8, 8)", "(1, 3, 4, 8)"});
  refused(
      [](auto& o) {
        o.init = o.mask = Tensor<float>::zeros({1, 3, 8, 8});
        o.solver = "sde";
      },
      {"[sample]", "sde"});
  refused([](auto& o) { o.height = 10; }, {"[PixnerdC2i]", "multiples of 4", "H 10"});
  refused([](auto& o) { o.guidance.scale = std::numeric_limits<double>::infinity(); },
          {"[guidance]", "finite"});
  check_throws<ShapeError>(
      [] {
        sample(model, labels_of({1}), small_options(), labels_of({1, 2}));
      },
      {"[sample]", "(1)", "(2)"});
  check_throws<ShapeError>([] { sample(model, Labels::full({}, 1), small_options()); },
                           {"[sample]", "(N, ...)"});
}

BOOST_AUTO_TEST_SUITE_END()
