// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/mean_squared_error.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(mean_squared_error_op)

namespace {
double expected(const Tensor<float>& p, const Tensor<float>& t, const Tensor<float>& weight) {
  double sum = 0;
  const std::int64_t each = p.count() / p.size(0);
  for (std::int64_t i = 0; i < p.count(); ++i) {
    const double difference = double(p.data()[i]) - double(t.data()[i]);
    sum += difference * difference * (weight.defined() ? weight.data()[i / each] : 1.0f);
  }
  return sum / static_cast<double>(p.count());
}
}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  for (const Shape& shape : {Shape{1}, Shape{3, 7}, Shape{2, 3, 100, 100}}) {
    const auto p = random_tensor<float>(shape, 1), t = random_tensor<float>(shape, 2);
    const auto weight = random_tensor<float>({shape[0]}, 3);
    const auto plain = mean_squared_error(p, t), weighted = mean_squared_error(p, t, weight);
    BOOST_TEST(plain.rank() == 0);
    BOOST_TEST(plain.item() == static_cast<float>(expected(p, t, {})), boost::test_tools::tolerance(1e-7f));
    BOOST_TEST(weighted.item() == static_cast<float>(expected(p, t, weight)),
               boost::test_tools::tolerance(1e-6f));
    const auto column = weight.reshape({shape[0], 1, 1, 1});
    BOOST_TEST(mean_squared_error(p, t, column).item() == weighted.item());
  }
  BOOST_TEST(mean_squared_error(Tensor<float>::full({}, 3), Tensor<float>::full({}, 1)).item() == 4);
}

BOOST_AUTO_TEST_CASE(many_small_errors_are_not_lost) {
  // A float32 sum of a million equal numbers would be off by far more.
  const Shape shape{1 << 20};
  const auto loss = mean_squared_error(Tensor<float>::full(shape, 0.1f), Tensor<float>::zeros(shape)).item();
  BOOST_TEST(loss == 0.1f * 0.1f, boost::test_tools::tolerance(1e-7f));
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{3, 7}, Shape{2, 1, 3}}) {
    const auto p = random_tensor(shape, 1), t = random_tensor(shape, 2);
    check_gradient([](const auto& in) { return mean_squared_error(in[0], in[1]); }, {p, t});
    check_gradient([&](const auto& in) { return mean_squared_error(in[0], t); }, {p});
    check_gradient([&](const auto& in) { return mean_squared_error(p, in[0]); }, {t});
    check_gradient([](const auto& in) { return mean_squared_error(in[0], in[0]); }, {p});
    if (shape.rank() == 0) continue;
    const auto weight = random_tensor({shape[0]}, 3);
    check_gradient([&](const auto& in) { return mean_squared_error(in[0], in[1], weight); }, {p, t});
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  std::vector<float> losses;
  std::vector<std::vector<float>> gradients;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    auto p = random_tensor<float>({3, 50000}, 1);
    require_grad(p);
    Tape tape;
    const auto loss =
        mean_squared_error(p, random_tensor<float>({3, 50000}, 2), random_tensor<float>({3}, 3));
    tape.backward(loss);
    losses.push_back(loss.item());
    gradients.push_back(grad(p).to_host());
  }
  set_thread_count(before);
  BOOST_TEST((losses[0] == losses[1] && losses[0] == losses[2]));
  BOOST_TEST((gradients[0] == gradients[1] && gradients[0] == gradients[2]));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto p = random_tensor({2, 3}, 1);
  BOOST_CHECK_EXCEPTION(mean_squared_error(p, random_tensor({3, 2}, 2)), ShapeError, [](const auto& e) {
    return std::string(e.what()) ==
           "[mean_squared_error] expected prediction and target of one shape with at least one element, got "
           "(2, 3) "
           "and (3, 2)";
  });
  BOOST_CHECK_THROW(mean_squared_error(random_tensor({0, 3}, 1), random_tensor({0, 3}, 1)), ShapeError);
  BOOST_CHECK_EXCEPTION(mean_squared_error(p, p, random_tensor({3}, 2)), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[mean_squared_error] expected one weight for each of 2 samples, got (3)";
  });
  BOOST_CHECK_THROW(mean_squared_error(p, p, random_tensor({2, 3}, 2)), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return mean_squared_error(in[0], in[1]); }, {{3, 50}, {3, 50}});
  check_bfloat16(
      [](const auto& in) {
        using T = typename std::decay_t<decltype(in[0])>::value_type;
        return mean_squared_error(in[0], in[1], random_bfloat16<T>({3}, 9));
      },
      {{3, 50}, {3, 50}});
}

BOOST_AUTO_TEST_SUITE_END()
