// SPDX-License-Identifier: MIT
#include "compare.cuh"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(cuda_broadcast_ops)

namespace {

const std::vector<std::vector<Input>> shapes{
    {{{2, 1, 16}}, {{2, 37, 16}}},      // time + tokens
    {{{3, 40, 8}}, {{8}}},              // a bias
    {{{3, 40, 7}}, {{7}}},              // not 16 bytes
    {{{5, 6, 1}}, {{5, 6, 24}}},        // a number a row
    {{{}}, {{4, 5}}},                   // one number
    {{{2, 3, 1, 8}}, {{1, 3, 5, 8}}},   // both repeated
    {{{4, 1, 3, 1}}, {{4, 5, 3, 16}}},  // repeated in two loops apart
    {{{1, 6, 1, 9}}, {{4, 6, 3, 9}}},   // the same, columns kept
    {{{7, 1}}, {{1, 5}}},               // an outer product
    {{{1}}, {{1}}},
    {{{0, 4}}, {{4}}},  // empty: the bias gets zeros
    {{{3, 0}}, {{3, 1}}},
};

}  // namespace

BOOST_AUTO_TEST_CASE(sums_and_products) {
  for (const auto& inputs : shapes) {
    const std::vector<Input> exchanged{inputs[1], inputs[0]};
    // Of a few bfloat16 numbers, one that is rounded otherwise exceeds the tolerance: see whole_numbers.
    const bool many = std::min(inputs[0].shape.count(), inputs[1].shape.count()) >= 24;
    for (const auto& both : {inputs, exchanged}) {
      compare_devices<float>("add", both, [](const auto& in) { return in[0] + in[1]; });
      compare_devices<float>("multiply", both, [](const auto& in) { return in[0] * in[1]; });
      if (!many) continue;
      compare_devices<bfloat16>("add", both, [](const auto& in) { return in[0] + in[1]; });
      compare_devices<bfloat16>("multiply", both, [](const auto& in) { return in[0] * in[1]; });
    }
  }
}

/// Small whole numbers and their sums are exact in bfloat16, so that both devices must agree in every bit.
BOOST_AUTO_TEST_CASE(whole_numbers) {
  const auto numbers = [](const Shape& shape, int first) {
    std::vector<bfloat16> out;
    for (std::int64_t i = 0; i < shape.count(); ++i)
      out.push_back(bfloat16(static_cast<float>((first + i * i) % 5 - 2)));
    return out;
  };
  const auto run = [&]<class Device>(Device, const Shape& shape_a, const Shape& shape_b, bool add) {
    auto a = Tensor<bfloat16, Device>::from_host(shape_a, numbers(shape_a, 1));
    auto b = Tensor<bfloat16, Device>::from_host(shape_b, numbers(shape_b, 2));
    require_grad(a);
    require_grad(b);
    const auto grad_a = Tensor<bfloat16, Device>::from_host(shape_a, numbers(shape_a, 3));
    const auto grad_b = Tensor<bfloat16, Device>::from_host(shape_b, numbers(shape_b, 4));
    a.slot()->bind(grad_a, add);
    b.slot()->bind(grad_b, add);
    Tape tape;
    const auto y = a * b;
    tape.backward(y, Tensor<bfloat16, Device>::from_host(y.shape(), numbers(y.shape(), 5)));
    std::vector<double> results;
    for (const auto& x : {y, grad_a, grad_b}) {
      const auto values = detail::doubles_of(x);
      results.insert(results.end(), values.begin(), values.end());
    }
    return results;
  };
  for (const auto& inputs : shapes) {
    const Shape &a = inputs[0].shape, &b = inputs[1].shape;
    for (const bool add : {false, true}) {
      BOOST_TEST(run(Cuda{}, a, b, add) == run(Cpu{}, a, b, add), boost::test_tools::per_element());
      BOOST_TEST(run(Cuda{}, b, a, add) == run(Cpu{}, b, a, add), boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(differences_and_quotients) {
  // Divisors between 1 and 2 or so, lest rounding be amplified.
  const auto quotient = [](const auto& in) { return in[0] / (in[1] * in[1] + 1.0); };
  for (const auto& inputs : {shapes[0], shapes[3], shapes[5]}) {
    compare_devices<float>("subtract", inputs, [](const auto& in) { return in[0] - in[1]; });
    compare_devices<float>("divide", inputs, quotient);
  }
}

BOOST_AUTO_TEST_CASE(one_input_wants_no_gradient) {
  const std::vector<Input> inputs{{{2, 1, 16}}, {{2, 9, 16}}};
  compare_devices<float>("multiply", inputs, [](const auto& in) { return in[0].detach() * in[1]; });
  compare_devices<float>("multiply", inputs, [](const auto& in) { return in[0] * in[1].detach(); });
}

/// Enough rows that several blocks share a sum.
BOOST_AUTO_TEST_CASE(long_sums) {
  compare_devices<float>("bias", {{{1500, 40}}, {{40}}}, [](const auto& in) { return in[0] * in[1]; });
  compare_devices<bfloat16>("bias", {{{1500, 40}}, {{40}}}, [](const auto& in) { return in[0] + in[1]; });
  compare_devices<float>("number", {{{9000}}, {{1}}}, [](const auto& in) { return in[0] * in[1]; });
  compare_devices<bfloat16>("row", {{{2, 30'000}}, {{2, 1}}}, [](const auto& in) { return in[0] * in[1]; });
}

BOOST_AUTO_TEST_CASE(sums_repeat_their_bits) {
  const auto run = [] {
    auto bias = Tensor<float, Cuda>::from_host({24}, detail::random_elements<float>(24, 1));
    require_grad(bias);
    const auto x = Tensor<float, Cuda>::from_host({2000, 24}, detail::random_elements<float>(48'000, 2));
    Tape tape;
    const auto y = x * bias;
    tape.backward(y, copy(x));
    return grad(bias).to_host();
  };
  BOOST_TEST(run() == run(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
