// SPDX-License-Identifier: MIT
#include <pixnerd/optim/grad_norm.hpp>

#include <cmath>
#include <limits>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/optim/clip.hpp>
#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(gradient_norm)

namespace {

template <class T>
struct Parameters {
  Tensor<T> a, b;
  Parameters(std::int64_t a_count, std::int64_t b_count)
      : a(Tensor<T>::zeros({a_count})), b(Tensor<T>::zeros({b_count})) {}
  static void visit(auto& self, auto&& visitor) {
    visitor("first.weight", self.a);
    visitor("second.weight", self.b);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(equals_a_plain_double_sum_with_any_number_of_threads) {
  const int before = thread_count();
  for (const std::int64_t count : {0, 1, 15, 16, 17, 1000, 32768, 32769, 200001}) {
    Parameters<float> module(count, 3);
    const ParameterStore<On<Cpu>> store(module);
    double sum = 0;
    for (const auto& entry : store.entries()) {
      const auto values = detail::test_values(entry.shape.count(), 1, 2);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float g = static_cast<float>(values[i]);
        store.gradients().data()[entry.offset + static_cast<std::int64_t>(i)] = g;
        sum += static_cast<double>(g) * static_cast<double>(g);
      }
    }
    double with_one = 0;
    for (const int threads : {1, 2, 5}) {
      set_thread_count(threads);
      const double norm = grad_norm(store, 1);
      BOOST_TEST(std::abs(norm - std::sqrt(sum)) <= 1e-13 * std::sqrt(sum));
      if (threads == 1) with_one = norm;
      BOOST_TEST(norm == with_one);
    }
  }
  set_thread_count(before);
}

BOOST_AUTO_TEST_CASE(large_float_gradients_do_not_overflow) {
  Parameters<float> module(40, 40);
  const ParameterStore<On<Cpu>> store(module);
  for (std::int64_t i = 0; i < store.count(); ++i) store.gradients().data()[i] = 1e38f;
  const double expected = 1e38 * std::sqrt(static_cast<double>(store.count()));
  BOOST_TEST(std::abs(grad_norm(store, 1) - expected) < 1e-6 * expected);
}

BOOST_AUTO_TEST_CASE(names_step_and_parameter_of_non_finite_gradients) {
  const double bad[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                        -std::numeric_limits<double>::infinity()};
  const char* words[] = {"nan", "inf", "-inf"};
  for (int k = 0; k < 3; ++k) {
    Parameters<float> module(40, 70000);
    const ParameterStore<On<Cpu>> store(module);
    module.b.slot()->target<float>();  // counts as written
    store.gradients().data()[store.entries()[1].offset + 65000] = static_cast<float>(bad[k]);
    test::check_throws<NonFiniteError>(
        [&] { (void)grad_norm(store, 12); },
        {"[step 12] expected a finite gradient of second.weight", words[k], "65000"});
    store.gradients().data()[39] = static_cast<float>(bad[k]);
    test::check_throws<NonFiniteError>([&] { (void)grad_norm(store, 13); },
                                       {"[step 13]", "gradient of first.weight", words[k], "element 39"});
  }
}

BOOST_AUTO_TEST_CASE(a_record_has_norm_factor_and_losses) {
  Parameters<float> module(40, 3);
  const ParameterStore<On<Cpu>> store(module);
  store.gradients().data()[7] = 3;
  store.gradients().data()[49] = -4;
  const auto record_of = [&](double max_norm, const std::vector<float>& losses, double limit = HUGE_VAL) {
    const auto count = static_cast<std::int64_t>(losses.size());
    const auto record = Tensor<double>::full({StepMeasurements::losses + count}, -1.0);
    measure_gradients(store, max_norm, Tensor<float>::from_host({count}, losses), record, limit);
    return record.to_host();
  };
  BOOST_TEST(record_of(0, {}) == (std::vector<double>{25, 1}), boost::test_tools::per_element());
  BOOST_TEST(record_of(1, {0.5f, -2}) == (std::vector<double>{25, clip_scale(5, 1), 0.5, -2}),
             boost::test_tools::per_element());
  // A norm of 5 may be at the limit, not above.
  BOOST_TEST(record_of(1, {0.5f}, 5) == (std::vector<double>{25, clip_scale(5, 1), 0.5}),
             boost::test_tools::per_element());
  const auto above = record_of(1, {0.5f}, 4.999);
  BOOST_TEST(above[0] == 25);
  BOOST_TEST(std::isnan(above[1]));
  BOOST_TEST(above[2] == 0.5);
  const auto bad = record_of(1, {0.5f, std::numeric_limits<float>::infinity()});
  BOOST_TEST(bad[0] == 25);
  BOOST_TEST(std::isnan(bad[1]));
  BOOST_TEST(bad[2] == 0.5);
  store.gradients().data()[42] = std::numeric_limits<float>::quiet_NaN();
  BOOST_TEST(std::isnan(record_of(1, {0.5f})[StepMeasurements::scale]));
  BOOST_CHECK_THROW(measure_gradients(store, 0, {}, Tensor<double>({3})), ShapeError);
}

BOOST_AUTO_TEST_CASE(squares_beyond_double_are_an_error_of_their_own) {
  Parameters<double> module(4, 4);
  const ParameterStore<On<Cpu, Full<double>>> store(module);
  store.gradients().data()[2] = 1e200;
  test::check_throws<NonFiniteError>([&] { (void)grad_norm(store, 7); }, {"step 7", "squares"});
}

BOOST_AUTO_TEST_CASE(clipping_scales_what_is_above_the_largest_norm) {
  BOOST_TEST(clip_scale(0.5, 1.0) == 1.0);
  BOOST_TEST(clip_scale(0.0, 1.0) == 1.0);
  BOOST_TEST(clip_scale(2.0, 1.0) == 1.0 / (2.0 + 1e-6));
  BOOST_TEST(clip_scale(8.0, 2.0) == 2.0 / (8.0 + 1e-6));
  BOOST_TEST(clip_scale(1e30, 0.0) == 1.0);
}

BOOST_AUTO_TEST_SUITE_END()
