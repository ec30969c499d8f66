// SPDX-License-Identifier: MIT
#include <pixnerd/train/training_batch.hpp>

#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(training_batch)

BOOST_AUTO_TEST_CASE(a_sample_draws_the_same_in_any_batch) {
  NoisingOptions options;
  options.label_dropout = 0.5;
  options.null_label = {4};
  const auto whole = draw_training_batch<float, Cpu>(test::Noise(6, 10)(), options, 3, 7);
  const auto part = draw_training_batch<float, Cpu>(test::Noise(2, 13)(), options, 3, 7);
  BOOST_TEST(part.samples == (std::vector<std::uint32_t>{13, 14}), boost::test_tools::per_element());
  BOOST_TEST(part.noise.to_host() == whole.noise.rows(3, 5).to_host(), boost::test_tools::per_element());
  BOOST_TEST(part.labels.to_host() == whole.labels.rows(3, 5).to_host(), boost::test_tools::per_element());
  BOOST_TEST(part.sample_numbers.to_host() == part.samples, boost::test_tools::per_element());
  for (std::size_t i = 0; i < 2; ++i) BOOST_TEST(part.times.data()[i] == whole.times.data()[i + 3]);
  // Another step, another seed and another sample draw other numbers.
  const auto other_step = draw_training_batch<float, Cpu>(test::Noise(2, 13)(), options, 3, 8);
  const auto other_seed = draw_training_batch<float, Cpu>(test::Noise(2, 13)(), options, 4, 7);
  for (const auto& other : {other_step, other_seed}) {
    BOOST_TEST(other.noise.data()[0] != part.noise.data()[0]);
    BOOST_TEST(other.times.data()[0] != part.times.data()[0]);
  }
  BOOST_TEST(part.noise.data()[0] != part.noise.rows(1, 2).data()[0]);
}

BOOST_AUTO_TEST_CASE(a_batch_of_the_same_shape_keeps_its_memory) {
  NoisingOptions options;
  options.null_label = {4};
  TrainingBatch<float, Cpu> batch;
  BatchUploads<Cpu> uploads;
  draw_training_batch(batch, uploads, test::Noise(3)(), options, 1, 1);
  const auto before = batch;
  draw_training_batch(batch, uploads, test::Noise(3, 3)(), options, 1, 2);
  const auto fresh = draw_training_batch<float, Cpu>(test::Noise(3, 3)(), options, 1, 2);
  BOOST_TEST(batch.images.data() == before.images.data());
  BOOST_TEST(batch.labels.data() == before.labels.data());
  BOOST_TEST(batch.noise.data() == before.noise.data());
  BOOST_TEST(batch.times.data() == before.times.data());
  BOOST_TEST((batch.images.to_host() == fresh.images.to_host()));
  BOOST_TEST((batch.labels.to_host() == fresh.labels.to_host()));
  BOOST_TEST((batch.noise.to_host() == fresh.noise.to_host()));
  BOOST_TEST((batch.times.to_host() == fresh.times.to_host()));
  BOOST_TEST((batch.samples == fresh.samples));
  draw_training_batch(batch, uploads, test::Noise(2)(), options, 1, 1);
  BOOST_TEST((batch.noise.shape() == Shape{2, 3, 16, 16}));
}

BOOST_AUTO_TEST_CASE(labels_are_dropped_with_the_given_probability) {
  const auto dropped = [](double probability) {
    NoisingOptions options;
    options.label_dropout = probability;
    options.null_label = {4};
    const auto labels =
        draw_training_batch<float, Cpu>(test::Noise(20000, 0, {1, 1, 1})(), options, 1, 1).labels;
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < 20000; ++i) {
      BOOST_TEST_REQUIRE((labels.data()[i] == 4 || labels.data()[i] == i % 4));
      count += labels.data()[i] == 4;
    }
    return static_cast<double>(count) / 20000;
  };
  BOOST_TEST(dropped(0.0) == 0.0);
  BOOST_TEST(dropped(1.0) == 1.0);
  BOOST_TEST(std::abs(dropped(0.1) - 0.1) < 0.01);
}

BOOST_AUTO_TEST_CASE(other_precisions_see_the_same_numbers) {
  NoisingOptions options;
  options.null_label = {4};
  const auto single = draw_training_batch<float, Cpu>(test::Noise(3)(), options, 1, 1);
  const auto wide = draw_training_batch<double, Cpu>(test::Noise(3)(), options, 1, 1);
  const auto wide_images = wide.images.to_host(), wide_noise = wide.noise.to_host();
  for (std::size_t i = 0; i < wide_images.size(); ++i) {
    BOOST_TEST_REQUIRE(wide_images[i] == double(single.images.data()[i]));
    BOOST_TEST_REQUIRE(wide_noise[i] == double(single.noise.data()[i]));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_an_error) {
  NoisingOptions options;
  const auto draw = [&](const test::Noise::Batch& data) {
    (void)draw_training_batch<float, Cpu>(data, options, 1, 1);
  };
  const auto good = test::Noise(2)();
  test::check_throws<ValueError>([&] { draw(good); }, {"training batch", "null label of 1", "got 0"});
  options.null_label = {4};
  draw(good);
  auto data = good;
  data.labels.pop_back();
  test::check_throws<ShapeError>([&] { draw(data); },
                                 {"(2, 3, 16, 16)", "1 numbers of labels", "2 of samples"});
  data = good;
  data.sample_ids.push_back(2);
  test::check_throws<ShapeError>([&] { draw(data); }, {"2 numbers of labels", "3 of samples"});
  data = good;
  data.images = Tensor<float>({2, 3});
  test::check_throws<ShapeError>([&] { draw(data); }, {"(2, 3)"});
  options.label_shape = {3};
  test::check_throws<ShapeError>([&] { draw(good); }, {"labels of 3 numbers", "2 numbers of labels"});
  options.label_shape = {};
  options.label_dropout = 1.5;
  test::check_throws<ValueError>([&] { draw(good); }, {"label dropout", "1.5"});
}

BOOST_AUTO_TEST_CASE(labels_of_several_numbers_are_dropped_as_one) {
  constexpr std::int64_t batch = 1000;
  NoisingOptions options;
  options.label_shape = {2, 3};
  options.label_dropout = 0.25;
  options.null_label = {-1, -2, -3, -4, -5, -6};
  auto data = test::Noise(batch, 0, {1, 1, 1})();
  data.labels.resize(6 * batch);
  for (std::size_t i = 0; i < data.labels.size(); ++i) data.labels[i] = static_cast<std::int64_t>(i);
  const auto labels = draw_training_batch<float, Cpu>(data, options, 1, 1).labels;
  BOOST_TEST((labels.shape() == Shape{batch, 2, 3}));
  int dropped = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t* label = labels.data() + 6 * b;
    dropped += label[0] < 0 ? 1 : 0;
    for (std::int64_t i = 0; i < 6; ++i) BOOST_TEST(label[i] == (label[0] < 0 ? -1 - i : 6 * b + i));
  }
  BOOST_TEST(dropped > 200);
  BOOST_TEST(dropped < 300);
}

BOOST_AUTO_TEST_SUITE_END()
