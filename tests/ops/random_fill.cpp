// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/random_fill.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(random_fill_op)

namespace {
const RandomKey key{12345678901234567u, RandomPurpose::noise, 17, 3};
}

BOOST_AUTO_TEST_CASE(elements_are_those_of_the_stream) {
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{3, 7}, Shape{4}, Shape{10001}}) {
    const Tensor<float> normal(shape), uniform(shape);
    fill_normal(normal, key);
    fill_uniform(uniform, key);
    bool right = true;
    for (std::int64_t i = 0; i < shape.count(); ++i) {
      const auto element = static_cast<std::uint64_t>(i);
      right = right && normal.data()[i] == random_normal(key, element);
      right = right && uniform.data()[i] == random_uniform(key, element);
    }
    BOOST_TEST(right);
  }
}

BOOST_AUTO_TEST_CASE(every_element_type_gets_the_same_numbers) {
  const Tensor<float> single({33});
  const Tensor<double> wide({33});
  const Tensor<bfloat16> half({33});
  fill_normal(single, key);
  fill_normal(wide, key);
  fill_normal(half, key);
  for (std::int64_t i = 0; i < 33; ++i) {
    BOOST_TEST(wide.data()[i] == double(single.data()[i]));
    BOOST_TEST(half.data()[i].bits == bfloat16(single.data()[i]).bits);
  }
}

BOOST_AUTO_TEST_CASE(a_sample_does_not_depend_on_its_batch) {
  const Tensor<float> batch({3, 5, 7}), alone({1, 5, 7});
  const std::vector<std::uint32_t> samples = {4, 900, 2}, one = {900};
  fill_normal_per_sample(batch, 11, RandomPurpose::noise, samples, 6);
  fill_normal_per_sample(alone, 11, RandomPurpose::noise, one, 6);
  BOOST_TEST((batch.rows(1, 2).to_host() == alone.to_host()));
  BOOST_TEST(alone.data()[34] == random_normal({11, RandomPurpose::noise, 900, 6}, 34));
  fill_normal_per_sample(alone, 11, RandomPurpose::noise, one, 7);
  BOOST_TEST((batch.rows(1, 2).to_host() != alone.to_host()));
}

BOOST_AUTO_TEST_CASE(sample_numbers_may_lie_where_the_tensor_does) {
  const std::vector<std::uint32_t> samples = {4, 900, 4};
  // Samples of less than four numbers, and of several pieces of work.
  for (const std::int64_t each : {0, 1, 3, 35, 4096, 9001}) {
    const Tensor<float> there({3, each}), here({3, each});
    fill_normal_per_sample(there, 11, RandomPurpose::noise, Tensor<std::uint32_t>::from_host({3}, samples),
                           6);
    fill_normal_per_sample(here, 11, RandomPurpose::noise, samples, 6);
    BOOST_TEST((there.to_host() == here.to_host()));
    BOOST_TEST((there.rows(0, 1).to_host() == there.rows(2, 3).to_host()));
    for (std::int64_t i = 0; i < each; i += 7)
      BOOST_TEST(there.rows(1, 2).data()[i] ==
                 random_normal({11, RandomPurpose::noise, 900, 6}, static_cast<std::uint64_t>(i)));
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    const Tensor<float> x({50001});
    fill_normal(x, key);
    results.push_back(x.to_host());
  }
  set_thread_count(before);
  BOOST_TEST((results[0] == results[1] && results[0] == results[2]));
}

BOOST_AUTO_TEST_CASE(errors) {
  const std::vector<std::uint32_t> samples = {4, 900};
  BOOST_CHECK_EXCEPTION(fill_normal_per_sample(Tensor<float>({3, 5}), 11, RandomPurpose::noise, samples, 6),
                        ShapeError, [](const auto& e) {
                          return std::string(e.what()) ==
                                 "[fill_normal_per_sample] expected a tensor of 2 samples, got (3, 5)";
                        });
  BOOST_CHECK_THROW(fill_normal_per_sample(Tensor<float>(Shape{}), 11, RandomPurpose::noise, samples, 6),
                    ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
