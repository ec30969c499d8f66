// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/ops/modulate.hpp>
#include <pixnerd/ops/norm_modulate.hpp>
#include <pixnerd/ops/rms_norm.hpp>

#include "support/bfloat16.hpp"
#include "support/norm_weight.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(norm_modulate_op)

namespace {
/// x, weight, shift and scale for B, L, D.
std::vector<Shape> inputs_of(const Shape& shape) {
  return {shape, {shape[2]}, {shape[0], shape[2]}, {shape[0], shape[2]}};
}

const auto fused = [](const auto& in) {
  return norm_modulate(widened(in[0]), norm_weight(in[1]), in[2], in[3]);
};
}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_two_operations) {
  // Widths and lengths on both sides of the blocks of tokens.
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{2, 3, 5}, Shape{3, 300, 70}, Shape{2, 90, 192}}) {
    std::vector<std::vector<float>> results[2];
    for (const bool one : {false, true}) {
      std::vector<Tensor<float>> in;
      for (const Shape& s : inputs_of(shape)) {
        in.push_back(random_tensor<float>(s, static_cast<std::uint32_t>(in.size() + 1)));
        require_grad(in.back());
      }
      Tape tape;
      const auto y = one ? fused(in) : modulate(rms_norm(in[0], in[1]), in[2], in[3]);
      results[one].push_back(y.to_host());
      tape.backward(y, random_tensor<float>(shape, 9));
      for (const auto& x : in) results[one].push_back(grad(x).to_host());
    }
    for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(relative_error(results[1][i], results[0][i]) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{2, 3, 5}, Shape{3, 1, 7}, Shape{0, 2, 3}, Shape{2, 0, 3}, Shape{2, 3, 0}}) {
    std::vector<Tensor<double>> in;
    for (const Shape& s : inputs_of(shape))
      in.push_back(random_tensor(s, static_cast<std::uint32_t>(in.size() + 1)));
    check_gradient(fused, in);
    for (std::size_t k = 0; k < in.size(); ++k) {  // each input alone
      check_gradient(
          [&](const auto& moved) {
            auto all = in;
            all[k] = moved[0];
            return fused(all);
          },
          {in[k]});
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_tensor_in_several_places) {
  check_gradient([](const auto& in) { return norm_modulate(in[0], in[1], in[2], in[2]); },
                 {random_tensor({2, 3, 5}, 1), random_tensor({5}, 2), random_tensor({2, 5}, 3)});
  check_gradient(
      [](const auto& in) {
        return norm_modulate(in[0].reshape({1, 1, 5}), in[0], in[0].reshape({1, 5}), in[0].reshape({1, 5}));
      },
      {random_tensor({5}, 1)});
}

BOOST_AUTO_TEST_CASE(threads_change_nothing) {
  const int before = thread_count();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    std::vector<Tensor<float>> in;
    for (const Shape& s : inputs_of({3, 500, 70})) {
      in.push_back(random_tensor<float>(s, static_cast<std::uint32_t>(in.size() + 1)));
      require_grad(in.back());
    }
    Tape tape;
    const auto y = fused(in);
    tape.backward(y, random_tensor<float>({3, 500, 70}, 9));
    for (const auto& x : in) results.push_back(grad(x).to_host());
  }
  set_thread_count(before);
  for (std::size_t i = 0; i < 4; ++i)
    BOOST_TEST((results[i] == results[i + 4] && results[i] == results[i + 8]));
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return norm_modulate(in[0], norm_weight(in[1]), in[2], in[3]); },
                 inputs_of({2, 30, 67}), {1});
  check_bfloat16(fused, inputs_of({2, 30, 67}), {1});
  check_bfloat16(
      [](const auto& in) {
        return norm_modulate(widened(in[0]), norm_weight(in[1]), in[2], in[3], 1e-6,
                             RmsRounding::after_weight);
      },
      inputs_of({2, 30, 67}), {1});
}

BOOST_AUTO_TEST_CASE(rounding_orders_of_bfloat16) {
  const auto weight = random_tensor<float>({64}, 2);
  const auto x = random_bfloat16<bfloat16>({1, 1, 64}, 1), shift = random_bfloat16<bfloat16>({1, 64}, 3),
             scale = random_bfloat16<bfloat16>({1, 64}, 4);
  float squares = 0;
  for (int j = 0; j < 64; ++j) squares += float(x.data()[j]) * float(x.data()[j]);
  const float inverse = 1.0f / std::sqrt(squares / 64 + 1e-6f);
  const auto before = norm_modulate(widened(x), weight, shift, scale).to_host();
  const auto after =
      norm_modulate(widened(x), weight, shift, scale, 1e-6, RmsRounding::after_weight).to_host();
  const auto rounded = [](float value) { return float(bfloat16(value)); };
  std::vector<float> expected_before, expected_after;
  for (int j = 0; j < 64; ++j) {
    const float w = weight.data()[j], factor = 1 + float(scale.data()[j]), s = float(shift.data()[j]),
                normed = float(x.data()[j]) * inverse;
    expected_before.push_back(rounded(rounded(normed) * w * factor + s));
    expected_after.push_back(rounded(rounded(normed * w) * factor + s));
  }
  // A sum in another order may round one or the other element differently.
  const auto differing = [](const std::vector<bfloat16>& a, const std::vector<float>& b) {
    int count = 0;
    for (std::size_t j = 0; j < a.size(); ++j) count += float(a[j]) != b[j];
    return count;
  };
  BOOST_TEST(differing(before, expected_before) <= 1);
  BOOST_TEST(differing(after, expected_after) <= 1);
  BOOST_TEST(differing(before, expected_after) > 5);
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3, 5}, 1), w = random_tensor({5}, 2), v = random_tensor({2, 5}, 3);
  BOOST_CHECK_THROW(norm_modulate(x, v, v, v), ShapeError);
  BOOST_CHECK_THROW(norm_modulate(x, w, w, v), ShapeError);
  BOOST_CHECK_THROW(norm_modulate(x, w, v, w), ShapeError);
  BOOST_CHECK_THROW(norm_modulate(v, w, v, v), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
