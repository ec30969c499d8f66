// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/layer_norm.hpp>

#include "support/bfloat16.hpp"
#include "support/norm_weight.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(layer_norm_op)

BOOST_AUTO_TEST_CASE(values) {
  const std::int64_t sizes[][2] = {{1, 1}, {3, 7}, {5, 16}, {4, 192}, {300, 65}};
  for (const auto& [rows, width] : sizes) {
    // Far from zero, where mean(x^2) - mean^2 would have no digits left.
    auto x = random_tensor<float>({rows, width}, 1);
    for (std::int64_t i = 0; i < x.count(); ++i) x.data()[i] += 100.0f;
    const auto weight = random_tensor<float>({width}, 2), bias = random_tensor<float>({width}, 3);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < rows; ++i) {
      double mean = 0, squares = 0;
      for (std::int64_t j = 0; j < width; ++j) mean += x.data()[i * width + j] / double(width);
      for (std::int64_t j = 0; j < width; ++j) squares += std::pow(x.data()[i * width + j] - mean, 2);
      const double inverse = 1 / std::sqrt(squares / double(width) + 1e-6);
      for (std::int64_t j = 0; j < width; ++j)
        expected.push_back((x.data()[i * width + j] - mean) * inverse * weight.data()[j] + bias.data()[j]);
    }
    BOOST_TEST(relative_error(layer_norm(x, weight, bias).to_host(), expected) < 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(epsilon_lies_inside_the_root) {
  const auto x = Tensor<double>::from_host({2}, std::vector<double>{-1e-3, 1e-3});
  const auto one = Tensor<double>::full({2}, 1), zero = Tensor<double>::zeros({2});
  BOOST_TEST(layer_norm(x, one, zero, 3e-6).to_host()[1] == 0.5, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(layer_norm(one, one, one).to_host()[0] == 1);
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 3, 33}, Shape{0, 5}, Shape{2, 0}}) {
    const auto x = random_tensor(shape, 1), weight = random_tensor({shape[-1]}, 2),
               bias = random_tensor({shape[-1]}, 3);
    check_gradient([](const auto& in) { return layer_norm(in[0], in[1], in[2]); }, {x, weight, bias});
    check_gradient([](const auto& in) { return layer_norm(in[0], in[1], in[2], 0.1); }, {x, weight, bias});
    check_gradient([&](const auto& in) { return layer_norm(in[0], weight, bias); }, {x});
    check_gradient([&](const auto& in) { return layer_norm(x, in[0], bias); }, {weight});
    check_gradient([&](const auto& in) { return layer_norm(x, weight, in[0]); }, {bias});
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_tensor_in_every_place) {
  check_gradient([](const auto& in) { return layer_norm(in[0], in[0], in[0]); }, {random_tensor({5}, 1)});
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  std::vector<std::vector<std::vector<float>>> results;
  for (const int threads : {1, 5}) {
    set_thread_count(threads);
    auto x = random_tensor<float>({1000, 96}, 1), weight = random_tensor<float>({96}, 2),
         bias = random_tensor<float>({96}, 3);
    for (auto* leaf : {&x, &weight, &bias}) require_grad(*leaf);
    Tape tape;
    const auto y = layer_norm(x, weight, bias);
    tape.backward(y, random_tensor<float>({1000, 96}, 4));
    results.push_back({y.to_host(), grad(x).to_host(), grad(weight).to_host(), grad(bias).to_host()});
  }
  set_thread_count(before);
  BOOST_TEST((results[0] == results[1]));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3}, 1), three = random_tensor({3}, 2);
  BOOST_CHECK_EXCEPTION(layer_norm(x, random_tensor({4}, 2), three), ShapeError, [](const auto& e) {
    return std::string(e.what()) ==
           "[layer_norm] expected x (..., D), weight (D) and bias (D), got x (2, 3), weight (4) and bias (3)";
  });
  BOOST_CHECK_THROW(layer_norm(x, three, random_tensor({2}, 2)), ShapeError);
  BOOST_CHECK_THROW(layer_norm(x, three, Tensor<double>{}), ShapeError);
  BOOST_CHECK_THROW(layer_norm(random_tensor({}, 1), random_tensor({1}, 2), random_tensor({1}, 2)),
                    ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return layer_norm(in[0], norm_weight(in[1]), norm_weight(in[2])); },
                 {{20, 65}, {65}, {65}}, {1, 2});
}

BOOST_AUTO_TEST_SUITE_END()
