// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(elementwise_op)

namespace {

struct Pair {
  Shape a, b, y;
};

// Every way in which axes can meet: equal, repeated inside, outside, between, on both sides, missing, empty.
const std::vector<Pair> pairs = {
    {{}, {}, {}},
    {{1}, {1}, {1}},
    {{0}, {1}, {0}},
    {{7}, {}, {7}},
    {{3, 5}, {3, 5}, {3, 5}},
    {{3, 5}, {5}, {3, 5}},
    {{3, 5}, {3, 1}, {3, 5}},
    {{3, 1}, {1, 5}, {3, 5}},
    {{2, 3, 5}, {2, 1, 5}, {2, 3, 5}},
    {{2, 3, 5}, {1, 3, 1}, {2, 3, 5}},
    {{2, 1, 5}, {3, 1}, {2, 3, 5}},
    {{1, 1, 3}, {2, 1, 1}, {2, 1, 3}},
    {{2, 1, 3, 1, 2}, {4, 1, 5, 1}, {2, 4, 3, 5, 2}},
    {{1, 3}, {0, 3}, {0, 3}},
    {{3, 1}, {3, 0}, {3, 0}},
    {{2, 0, 3}, {1, 3}, {2, 0, 3}},
};

// Element of x that meets element i of a result of shape y.
double element(const Tensor<double>& x, const Shape& y, std::int64_t i) {
  std::int64_t index = 0, step = 1;
  for (int axis = -1; axis >= -x.rank(); --axis) {
    if (x.size(axis) != 1) index += i % y[axis] * step;
    i /= y[axis];
    step *= x.size(axis);
  }
  return x.data()[index];
}

// Numbers between 1 and 2, to divide by.
Tensor<double> positive_tensor(const Shape& shape, std::uint32_t stream) {
  const auto x = random_tensor(shape, stream);
  for (std::int64_t i = 0; i < x.count(); ++i) x.data()[i] = 1 + 1 / (1 + std::exp(x.data()[i]));
  return x;
}

}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  for (const auto& [shape_a, shape_b, shape] : pairs) {
    const auto a = random_tensor(shape_a, 1), b = positive_tensor(shape_b, 2);
    const auto sum = a + b, difference = a - b, product = a * b, quotient = a / b, swapped = b + a;
    BOOST_TEST(sum.shape().string() == shape.string());
    BOOST_TEST(quotient.shape().string() == shape.string());
    for (std::int64_t i = 0; i < shape.count(); ++i) {
      const double p = element(a, shape, i), q = element(b, shape, i);
      BOOST_TEST(sum.data()[i] == p + q);
      BOOST_TEST(swapped.data()[i] == p + q);
      BOOST_TEST(difference.data()[i] == p - q);
      BOOST_TEST(product.data()[i] == p * q);
      BOOST_TEST(quotient.data()[i] == p / q);
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const auto& [shape_a, shape_b, shape] : pairs) {
    const auto a = random_tensor(shape_a, 1), b = positive_tensor(shape_b, 2);
    check_gradient([](const auto& in) { return in[0] + in[1]; }, {a, b});
    check_gradient([](const auto& in) { return in[0] - in[1]; }, {a, b});
    check_gradient([](const auto& in) { return in[1] - in[0]; }, {a, b});
    check_gradient([](const auto& in) { return in[0] * in[1]; }, {a, b});
    check_gradient([](const auto& in) { return in[0] / in[1]; }, {a, b});
    // Intermediate gradients may be adopted, those of leaves above were bound to memory.
    check_gradient([](const auto& in) { return silu(silu(in[0]) + silu(in[1])); }, {a, b});
    check_gradient([](const auto& in) { return silu(silu(in[0]) - silu(in[1])); }, {a, b});
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_input_used_twice) {
  const auto x = random_tensor({3, 5}, 1);
  check_gradient([](const auto& in) { return in[0] + in[0]; }, {x});
  check_gradient([](const auto& in) { return in[0] * in[0]; }, {x});
  check_gradient(
      [](const auto& in) {
        const auto s = silu(in[0]);
        return (s + s) * (s - s * 2.0);
      },
      {x});
}

BOOST_AUTO_TEST_CASE(gradient_of_one_of_two_inputs) {
  const auto constant = positive_tensor({3, 5}, 1), x = positive_tensor({5}, 2);
  check_gradient([&](const auto& in) { return constant + in[0]; }, {x});
  check_gradient([&](const auto& in) { return constant - in[0]; }, {x});
  check_gradient([&](const auto& in) { return constant * in[0]; }, {x});
  check_gradient([&](const auto& in) { return constant / in[0]; }, {x});
  check_gradient([&](const auto& in) { return in[0] / constant; }, {x});
}

BOOST_AUTO_TEST_CASE(a_wrong_gradient_is_noticed) {
  const auto wrong = [](const std::vector<Tensor<double>>& in) {
    auto y = in[0].detach() * in[1].detach();
    if (needs_grad(in[0])) {
      record(y, [a = in[0], b = in[1]](const Tensor<double>& grad_y) {
        const auto grad_a = grad_target<double>(a.slot()), grad_b = grad_target<double>(b.slot());
        for (std::int64_t i = 0; i < grad_y.count(); ++i) {
          grad_a.put(i, grad_y.data()[i] * b.data()[i]);
          grad_b.put(i, grad_y.data()[i] * b.data()[i]);  // should be a
        }
      });
    }
    return y;
  };
  const auto result = gradcheck(wrong, std::vector{random_tensor({3, 5}, 1), random_tensor({3, 5}, 2)});
  BOOST_TEST(!result.ok());
  BOOST_TEST(result.input == 1);
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  // Large enough for several blocks; a is reduced outside, inside, between, and over everything.
  const std::vector<Pair> large = {{{64}, {3000, 64}, {}},
                                   {{300, 1}, {300, 700}, {}},
                                   {{5, 1, 64}, {5, 900, 64}, {}},
                                   {{}, {100, 999}, {}}};
  const int before = thread_count();
  for (const auto& pair : large) {
    std::vector<std::vector<float>> gradients, values;
    for (const int threads : {1, 2, 5}) {
      set_thread_count(threads);
      auto a = random_tensor<float>(pair.a, 1);
      const auto b = random_tensor<float>(pair.b, 2);
      require_grad(a);
      Tape tape;
      const auto y = a * b;
      tape.backward(y, random_tensor<float>(pair.b, 3));
      values.push_back(y.to_host());
      gradients.push_back(grad(a).to_host());
    }
    for (int i = 1; i < 3; ++i) {
      BOOST_TEST((values[0] == values[i]));
      BOOST_TEST((gradients[0] == gradients[i]));
    }
    // The same in float64, where the order does not matter at this tolerance.
    auto a = random_tensor(pair.a, 1);
    require_grad(a);
    Tape tape;
    tape.backward(a * random_tensor(pair.b, 2), random_tensor(pair.b, 3));
    BOOST_TEST(relative_error(gradients[0], grad(a).to_host()) < 1e-5);
  }
  set_thread_count(before);
}

BOOST_AUTO_TEST_CASE(numbers) {
  const auto x = random_tensor({3, 5}, 1);
  const auto twice = x * 2.0, halved = x / 2.0, more = x + 2.0, less = x - 2.0, left = -1.0 * x;
  for (std::int64_t i = 0; i < 15; ++i) {
    BOOST_TEST(twice.data()[i] == 2 * x.data()[i]);
    BOOST_TEST(halved.data()[i] == x.data()[i] / 2);
    BOOST_TEST(more.data()[i] == x.data()[i] + 2);
    BOOST_TEST(less.data()[i] == x.data()[i] - 2);
    BOOST_TEST(left.data()[i] == -x.data()[i]);
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  BOOST_CHECK_EXCEPTION(random_tensor({2, 3}, 1) + random_tensor({2, 4}, 2), ShapeError, [](const auto& e) {
    return std::string(e.what()) == "[add] expected equal sizes, or 1, in every axis, got (2, 3) and (2, 4)";
  });
  BOOST_CHECK_THROW(random_tensor({2, 3}, 1) - random_tensor({2}, 2), ShapeError);
  BOOST_CHECK_THROW(random_tensor({2, 0}, 1) * random_tensor({2, 2}, 2), ShapeError);
  BOOST_CHECK_THROW(random_tensor({3, 1}, 1) / random_tensor({2, 3}, 2), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  const std::vector<std::vector<Shape>> shapes = {
      {{6, 31}, {6, 31}}, {{2, 30, 7}, {7}}, {{2, 30, 7}, {2, 1, 7}}, {{5, 40}, {5, 1}}};
  for (const auto& pair : shapes) {
    check_bfloat16([](const auto& in) { return in[0] + in[1]; }, pair);
    check_bfloat16([](const auto& in) { return in[1] - in[0]; }, pair);
    check_bfloat16([](const auto& in) { return in[0] * in[1]; }, pair);
    check_bfloat16([](const auto& in) { return in[0] / in[1]; }, pair);
  }
}

BOOST_AUTO_TEST_SUITE_END()
