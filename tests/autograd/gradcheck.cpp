// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/autograd/gradcheck.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(gradcheck_test)

namespace {

// y_i = x_i^3, with a backward that the caller gives: slope(x_i, y_i) times the gradient, or anything else.
template <class Backward>
auto cube(Backward backward) {
  return [backward](const std::vector<Tensor<double>>& in) {
    const auto& x = in[0];
    Tensor<double> y(x.shape());
    for (std::int64_t i = 0; i < x.count(); ++i) y.data()[i] = std::pow(x.data()[i], 3);
    if (needs_grad(x)) {
      record(y, [=](const Tensor<double>& grad_y) { backward(x, grad_y); });
    }
    return y;
  };
}

using T = Tensor<double>;

void right(const T& x, const T& grad_y) {
  const auto grad_x = grad_target<double>(x.slot());
  for (std::int64_t i = 0; i < x.count(); ++i)
    grad_x.put(i, 3 * x.data()[i] * x.data()[i] * grad_y.data()[i]);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_right_backward_passes) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 7}}) {
    const auto result = gradcheck(cube(right), std::vector{random_tensor(shape, 1)});
    BOOST_TEST(result.ok());
    BOOST_TEST(result.finite);
    BOOST_TEST(result.error < 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_factor_fails) {
  const auto wrong = [](const T& x, const T& grad_y) {
    const auto grad_x = grad_target<double>(x.slot());
    for (std::int64_t i = 0; i < x.count(); ++i)
      grad_x.put(i, 2.99999 * x.data()[i] * x.data()[i] * grad_y.data()[i]);
  };
  const auto result = gradcheck(cube(wrong), std::vector{random_tensor({3, 7}, 1)});
  BOOST_TEST(!result.ok());
  BOOST_TEST(result.input == 0);
  BOOST_TEST(result.error == 1e-5 / 3, boost::test_tools::tolerance(1e-2));
}

BOOST_AUTO_TEST_CASE(one_wrong_element_fails) {
  const auto wrong = [](const T& x, const T& grad_y) {
    const auto grad_x = grad_target<double>(x.slot());
    for (std::int64_t i = 0; i < x.count(); ++i)
      grad_x.put(i, (i == 20 ? 0 : 3) * x.data()[i] * x.data()[i] * grad_y.data()[i]);
  };
  BOOST_TEST(!gradcheck(cube(wrong), std::vector{random_tensor({3, 7}, 1)}).ok());
}

BOOST_AUTO_TEST_CASE(a_backward_that_always_writes_fails) {
  const auto wrong = [](const T& x, const T& grad_y) {
    const auto grad_x = grad_target<double>(x.slot());
    for (std::int64_t i = 0; i < x.count(); ++i)
      grad_x.data[i] = 3 * x.data()[i] * x.data()[i] * grad_y.data()[i];
  };
  BOOST_TEST(!gradcheck(cube(wrong), std::vector{random_tensor({3, 7}, 1)}).ok());
}

BOOST_AUTO_TEST_CASE(a_backward_that_always_adds_fails) {
  const auto wrong = [](const T& x, const T& grad_y) {
    const auto grad_x = grad_target<double>(x.slot());
    for (std::int64_t i = 0; i < x.count(); ++i)
      grad_x.data[i] += 3 * x.data()[i] * x.data()[i] * grad_y.data()[i];
  };
  const auto result = gradcheck(cube(wrong), std::vector{random_tensor({3, 7}, 1)});
  BOOST_TEST(!result.ok());
  BOOST_TEST(!result.finite);  // the memory was full of NaN
}

BOOST_AUTO_TEST_CASE(a_backward_that_leaves_elements_out_fails) {
  const auto wrong = [](const T& x, const T& grad_y) {
    const auto grad_x = grad_target<double>(x.slot());
    for (std::int64_t i = 1; i < x.count(); ++i)
      grad_x.put(i, 3 * x.data()[i] * x.data()[i] * grad_y.data()[i]);
  };
  BOOST_TEST(!gradcheck(cube(wrong), std::vector{random_tensor({3, 7}, 1)}).ok());
}

BOOST_AUTO_TEST_CASE(a_missing_backward_fails) {
  BOOST_TEST(!gradcheck(cube([](const T&, const T&) {}), std::vector{random_tensor({3, 7}, 1)}).ok());
  // A function that is cut off from its input.
  const auto cut = [](const std::vector<T>& in) { return cube(right)({in[0].detach()}); };
  BOOST_TEST(!gradcheck(cut, std::vector{random_tensor({3, 7}, 1)}).ok());
}

BOOST_AUTO_TEST_CASE(an_input_that_does_not_matter_has_no_gradient) {
  const auto first = [](const std::vector<T>& in) { return cube(right)({in[0]}); };
  BOOST_TEST(gradcheck(first, std::vector{random_tensor({3}, 1), random_tensor({4}, 2)}).ok());
}

BOOST_AUTO_TEST_SUITE_END()
