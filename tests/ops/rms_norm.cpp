// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/rms_norm.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/bfloat16.hpp"
#include "support/norm_weight.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(rms_norm_op)

BOOST_AUTO_TEST_CASE(values) {
  const std::int64_t sizes[][2] = {{1, 1}, {3, 7}, {5, 16}, {4, 192}, {300, 65}};
  for (const auto& [rows, width] : sizes) {
    const auto x = random_tensor<float>({rows, width}, 1), weight = random_tensor<float>({width}, 2);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < rows; ++i) {
      double squares = 0;
      for (std::int64_t j = 0; j < width; ++j) squares += std::pow(x.data()[i * width + j], 2);
      for (std::int64_t j = 0; j < width; ++j) {
        expected.push_back(x.data()[i * width + j] / std::sqrt(squares / width + 1e-6) * weight.data()[j]);
      }
    }
    const auto y = rms_norm(x, weight), other = rms_norm(x, weight, 1e-6, RmsRounding::after_weight);
    BOOST_TEST(relative_error(y.to_host(), expected) < 2e-7);
    BOOST_TEST((y.to_host() == other.to_host()));
  }
}

BOOST_AUTO_TEST_CASE(epsilon_lies_inside_the_root) {
  const auto x = Tensor<double>::full({4}, 1e-3), weight = Tensor<double>::full({4}, 1);
  BOOST_TEST(rms_norm(x, weight, 3e-6).to_host()[0] == 0.5, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(rms_norm(Tensor<double>::zeros({4}), weight).to_host()[0] == 0);
}

BOOST_AUTO_TEST_CASE(rounding_orders_of_bfloat16) {
  // x / rms and the weight are such that rounding first and rounding last give different results.
  std::vector<bfloat16> x;
  std::vector<float> weight;
  for (int i = 0; i < 64; ++i) {
    x.emplace_back(random_normal({3, RandomPurpose::test, 0, 0}, static_cast<std::uint64_t>(i)));
    weight.push_back(random_normal({3, RandomPurpose::test, 1, 0}, static_cast<std::uint64_t>(i)));
  }
  double squares = 0;
  for (const auto value : x) squares += std::pow(float(value), 2);
  const auto inverse = static_cast<float>(1 / std::sqrt(squares / 64 + 1e-6));
  const auto tx = Tensor<bfloat16>::from_host({64}, x);
  const auto tw = Tensor<float>::from_host({64}, weight);
  const auto before = rms_norm(tx, tw, 1e-6, RmsRounding::before_weight).to_host();
  const auto after = rms_norm(tx, tw, 1e-6, RmsRounding::after_weight).to_host();
  int different = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const float normalized = float(x[i]) * inverse;
    BOOST_TEST(float(before[i]) == float(bfloat16(float(bfloat16(normalized)) * weight[i])));
    BOOST_TEST(float(after[i]) == float(bfloat16(normalized * weight[i])));
    different += before[i] == after[i] ? 0 : 1;
  }
  BOOST_TEST(different > 5);
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape : {Shape{1}, Shape{0}, Shape{3, 7}, Shape{2, 3, 33}, Shape{0, 5}, Shape{2, 0}}) {
    const auto x = random_tensor(shape, 1), weight = random_tensor({shape[-1]}, 2);
    check_gradient([](const auto& in) { return rms_norm(in[0], in[1]); }, {x, weight});
    check_gradient([](const auto& in) { return rms_norm(in[0], in[1], 0.1); }, {x, weight});
    check_gradient([&](const auto& in) { return rms_norm(in[0], weight); }, {x});
    check_gradient([&](const auto& in) { return rms_norm(x, in[0]); }, {weight});
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_tensor_in_both_places) {
  check_gradient([](const auto& in) { return rms_norm(in[0], in[0]); }, {random_tensor({5}, 1)});
}

BOOST_AUTO_TEST_CASE(a_wrong_gradient_is_noticed) {
  // The inverse root mean square taken for a constant.
  const auto wrong = [](const std::vector<Tensor<double>>& in) {
    auto y = rms_norm(in[0].detach(), in[1]);
    if (needs_grad(in[0])) {
      record(y, [x = in[0], weight = in[1], y](const Tensor<double>& grad_y) {
        const auto grad_x = grad_target<double>(x.slot());
        for (std::int64_t i = 0; i < x.count(); ++i)
          grad_x.put(i, grad_y.data()[i] * y.data()[i] / x.data()[i]);
      });
    }
    return y;
  };
  const auto weight = random_tensor({5}, 2);
  BOOST_TEST(!gradcheck(
                  [&](const auto& in) {
                    return wrong({in[0], weight});
                  },
                  std::vector{random_tensor({3, 5}, 1)})
                  .ok());
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_bits) {
  const int before = thread_count();
  std::vector<std::vector<float>> values, gradients_x, gradients_weight;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    auto x = random_tensor<float>({1000, 96}, 1), weight = random_tensor<float>({96}, 2);
    require_grad(x);
    require_grad(weight);
    Tape tape;
    const auto y = rms_norm(x, weight);
    tape.backward(y, random_tensor<float>({1000, 96}, 3));
    values.push_back(y.to_host());
    gradients_x.push_back(grad(x).to_host());
    gradients_weight.push_back(grad(weight).to_host());
  }
  set_thread_count(before);
  for (int i = 1; i < 3; ++i) {
    BOOST_TEST((values[0] == values[i]));
    BOOST_TEST((gradients_x[0] == gradients_x[i]));
    BOOST_TEST((gradients_weight[0] == gradients_weight[i]));
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  BOOST_CHECK_EXCEPTION(rms_norm(random_tensor({2, 3}, 1), random_tensor({4}, 2)), ShapeError,
                        [](const auto& e) {
                          return std::string(e.what()) ==
                                 "[rms_norm] expected x (..., D) and weight (D), got x (2, 3) and weight (4)";
                        });
  BOOST_CHECK_THROW(rms_norm(random_tensor({}, 1), random_tensor({1}, 2)), ShapeError);
  BOOST_CHECK_THROW(rms_norm(random_tensor({2, 3}, 1), random_tensor({1, 3}, 2)), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  for (const auto rounding : {RmsRounding::before_weight, RmsRounding::after_weight}) {
    check_bfloat16([=](const auto& in) { return rms_norm(in[0], norm_weight(in[1]), 1e-6, rounding); },
                   {{20, 65}, {65}}, {1});
  }
}

BOOST_AUTO_TEST_SUITE_END()
