// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/flow_mix.hpp>

#include <pixnerd/diffusion/path.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(flow_mix_op)

namespace {

/// Points and velocities of a path; the weight is 0.5 + sigma.
template <class Path>
struct OfPath {
  FlowFactors operator()(double t) const {
    const PathPoint p = Path{}(t);
    return {p.alpha, p.sigma, p.alpha_slope, p.sigma_slope, 0.5 + p.sigma};
  }
};

Tensor<double> times_of(std::int64_t batch) {
  const Tensor<double> times({batch});
  for (std::int64_t b = 0; b < batch; ++b)
    times.data()[b] = static_cast<double>(b) / static_cast<double>(std::max<std::int64_t>(1, batch - 1));
  return times;
}

/// The same with a tensor of rounded coefficients and one operation for each product and sum.
template <class T>
Tensor<T> with_operations(const Tensor<T>& data, const Tensor<T>& noise, const Tensor<double>& times,
                          double PathPoint::*of_data, double PathPoint::*of_noise) {
  Shape one{data.size(0)};
  while (one.rank() < data.rank()) one.push_back(1);
  const Tensor<T> a(one), s(one);
  for (std::int64_t b = 0; b < data.size(0); ++b) {
    const auto point = CosinePath{}(times.data()[b]);
    a.data()[b] = static_cast<T>(point.*of_data);
    s.data()[b] = static_cast<T>(point.*of_noise);
  }
  return add(multiply(data, a), multiply(noise, s));
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_separate_operations_bit_for_bit) {
  // Samples of one element, of a part of a tile, of several tiles and of several pieces of work.
  for (const Shape& shape :
       {Shape{3}, Shape{5, 1}, Shape{2, 3, 5, 7}, Shape{3, 700}, Shape{2, 40001}, Shape{0, 4}, Shape{4, 0}}) {
    const auto data = random_tensor<float>(shape, 1), noise = random_tensor<float>(shape, 2);
    const auto times = times_of(shape[0]);
    const auto sample = flow_mix(OfPath<CosinePath>{}, data, noise, times, true);
    BOOST_TEST((sample.x.to_host() ==
                with_operations(data, noise, times, &PathPoint::alpha, &PathPoint::sigma).to_host()));
    BOOST_TEST(
        (sample.target.to_host() ==
         with_operations(data, noise, times, &PathPoint::alpha_slope, &PathPoint::sigma_slope).to_host()));
    BOOST_TEST((sample.t.shape() == Shape{shape[0]}));
    BOOST_TEST(sample.weight.rank() == shape.rank());
    for (std::int64_t b = 0; b < shape[0]; ++b) {
      BOOST_TEST(sample.t.data()[b] == static_cast<float>(times.data()[b]));
      BOOST_TEST(sample.weight.data()[b] == static_cast<float>(0.5 + CosinePath{}(times.data()[b]).sigma));
    }
    BOOST_TEST(!flow_mix(OfPath<CosinePath>{}, data, noise, times, false).weight.defined());
  }
}

BOOST_AUTO_TEST_CASE(bfloat16_is_rounded_once) {
  const auto data = random_tensor<float>({2, 600}, 1), noise = random_tensor<float>({2, 600}, 2);
  const Tensor<bfloat16> short_data({2, 600}), short_noise({2, 600});
  for (std::int64_t i = 0; i < 1200; ++i) {
    short_data.data()[i] = bfloat16(data.data()[i]);
    short_noise.data()[i] = bfloat16(noise.data()[i]);
    data.data()[i] = float(short_data.data()[i]);
    noise.data()[i] = float(short_noise.data()[i]);
  }
  const auto times = times_of(2);
  const auto sample = flow_mix(OfPath<LinearPath>{}, short_data, short_noise, times, true);
  const auto wide = flow_mix(OfPath<LinearPath>{}, data, noise, times, true);
  for (std::int64_t i = 0; i < 1200; ++i) {
    BOOST_TEST_REQUIRE((sample.x.data()[i] == bfloat16(wide.x.data()[i])));
    BOOST_TEST_REQUIRE((sample.target.data()[i] == bfloat16(wide.target.data()[i])));
  }
  BOOST_TEST(sample.t.to_host() == wide.t.to_host(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  const auto data = random_tensor<float>({3, 50001}, 1), noise = random_tensor<float>({3, 50001}, 2);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    results.push_back(flow_mix(OfPath<CosinePath>{}, data, noise, times_of(3), false).x.to_host());
  }
  set_thread_count(before);
  BOOST_TEST((results[0] == results[1] && results[0] == results[2]));
}

BOOST_AUTO_TEST_CASE(errors) {
  const auto data = random_tensor({3, 5}, 1);
  const auto mix = [&](const Tensor<double>& noise, const Tensor<double>& times) {
    flow_mix(OfPath<LinearPath>{}, data, noise, times, false);
  };
  test::check_throws<ShapeError>(
      [&] {
        mix(random_tensor({3, 4}, 1), times_of(3));
      },
      {"flow matching", "(3, 5)", "(3, 4)", "3 times"});
  test::check_throws<ShapeError>([&] { mix(data, times_of(2)); }, {"2 times"});
  test::check_throws<ShapeError>([&] { mix(data, times_of(3).reshape({3, 1})); }, {"3 times"});
  auto leaf = random_tensor({3, 5}, 2);
  require_grad(leaf);
  mix(leaf, times_of(3));
  const Tape tape;
  test::check_throws<ValueError>([&] { mix(leaf, times_of(3)); }, {"want no gradient"});
}

BOOST_AUTO_TEST_SUITE_END()
