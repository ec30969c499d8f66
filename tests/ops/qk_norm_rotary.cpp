// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <complex>

#include <pixnerd/ops/qk_norm_rotary.hpp>

#include "support/bfloat16.hpp"
#include "support/norm_weight.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(qk_norm_rotary_op)

namespace {

/// One output of the op as a tensor, to be checked like any other operation.
template <int part>
auto output_of(bool turned) {
  return [turned](const std::vector<Tensor<double>>& t) {
    const auto angles = random_tensor({t[0].size(1), t[1].size(0)}, 9);
    return qk_norm_rotary(t[0], t[1], t[2], turned ? angles : Tensor<double>{})[part];
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  const std::int64_t batch = 2, positions = 3, heads = 2, width = 4;
  const auto qkv = random_tensor<float>({batch, positions, 3 * heads * width}, 1);
  const auto q_weight = random_tensor<float>({width}, 2), k_weight = random_tensor<float>({width}, 3);
  std::vector<float> table;
  for (int i = 0; i < positions * width / 2; ++i) {
    table.push_back(static_cast<float>(std::cos(0.3 * i)));
    table.push_back(static_cast<float>(std::sin(0.3 * i)));
  }
  const auto out =
      qk_norm_rotary(qkv, q_weight, k_weight, Tensor<float>::from_host({positions, width}, table));
  for (int part = 0; part < 3; ++part) {
    BOOST_TEST((out[part].shape() == Shape{batch, positions, heads, width}));
    std::vector<double> expected;
    for (std::int64_t token = 0; token < batch * positions; ++token) {
      for (std::int64_t head = 0; head < heads; ++head) {
        const float* x = qkv.data() + ((token * 3 + part) * heads + head) * width;
        double square = 0;
        for (int i = 0; i < width; ++i) square += double(x[i]) * x[i] / width;
        const auto normed = [&](int i) {
          return x[i] / std::sqrt(square + 1e-6) * (part == 0 ? q_weight : k_weight).data()[i];
        };
        for (int i = 0; i < width; i += 2) {
          const double angle = 0.3 * double(token % positions * width / 2 + i / 2);
          const auto turned = std::complex(normed(i), normed(i + 1)) * std::polar(1.0, angle);
          expected.push_back(part == 2 ? x[i] : turned.real());
          expected.push_back(part == 2 ? x[i + 1] : turned.imag());
        }
      }
    }
    BOOST_TEST(relative_error(out[part].to_host(), expected) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const std::int64_t sizes[][4] = {{1, 1, 1, 2}, {2, 3, 2, 4}, {0, 2, 1, 2}, {1, 19, 1, 2}};
  for (const auto& [batch, positions, heads, width] : sizes) {
    const std::vector<Tensor<double>> inputs{random_tensor({batch, positions, 3 * heads * width}, 1),
                                             random_tensor({width}, 2), random_tensor({width}, 3)};
    for (const bool turned : {false, true}) {
      check_gradient(output_of<0>(turned), inputs);
      check_gradient(output_of<1>(turned), inputs);
      check_gradient(output_of<2>(turned), inputs);
    }
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto weight = random_tensor({4}, 1);
  BOOST_CHECK_THROW(qk_norm_rotary(random_tensor({1, 2, 13}, 1), weight, weight, Tensor<double>{}),
                    ShapeError);
  BOOST_CHECK_THROW(qk_norm_rotary(random_tensor({1, 2, 12}, 1), weight, weight, random_tensor({3, 4}, 1)),
                    ShapeError);
  const auto odd = random_tensor({3}, 1);
  BOOST_CHECK_THROW(qk_norm_rotary(random_tensor({1, 2, 9}, 1), odd, odd, random_tensor({2, 3}, 1)),
                    ShapeError);
  const auto wide = random_tensor({514}, 1);
  BOOST_CHECK_THROW(qk_norm_rotary(random_tensor({1, 1, 3 * 514}, 1), wide, wide, Tensor<double>{}),
                    ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  const auto output = [](auto part, bool turned) {
    return [=](const auto& in) {
      using W = wide_t<typename std::decay_t<decltype(in[0])>::value_type>;
      const auto angles = random_tensor<W>({9, 8}, 9);
      return qk_norm_rotary(in[0], norm_weight(in[1]), norm_weight(in[2]),
                            turned ? angles : Tensor<W>{})[decltype(part)::value];
    };
  };
  for (const bool turned : {false, true}) {
    const std::vector<Shape> shapes{{2, 9, 3 * 2 * 8}, {8}, {8}};
    check_bfloat16(output(std::integral_constant<int, 0>{}, turned), shapes, {1, 2});
    check_bfloat16(output(std::integral_constant<int, 1>{}, turned), shapes, {1, 2});
    check_bfloat16(output(std::integral_constant<int, 2>{}, turned), shapes, {1, 2});
  }
}

BOOST_AUTO_TEST_SUITE_END()
