// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <vector>

#include <pixnerd/autograd/gradcheck.hpp>
#include <pixnerd/ops/causal_attention.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(causal_attention_op)

namespace {

Tensor<std::int64_t> counts_of(const std::vector<std::int64_t>& values) {
  return Tensor<std::int64_t>::from_host({static_cast<std::int64_t>(values.size())}, values);
}

/// The first `n` tokens of the image `b`.
Tensor<double> part(const Tensor<double>& x, std::int64_t b, std::int64_t n) {
  const std::int64_t token = x.size(2) * x.size(3);
  const double* const from = x.data() + b * x.size(1) * token;
  return Tensor<double>::from_host({1, n, x.size(2), x.size(3)}, std::vector<double>(from, from + n * token));
}

}  // namespace

// Each query alone, with attention to all of the keys that it may see.
BOOST_AUTO_TEST_CASE(equals_attention_to_what_is_seen) {
  const std::int64_t length = 70, heads = 2, width = 3;
  const Shape shape{3, length, heads, width};
  const auto q = random_tensor(shape, 1), k = random_tensor(shape, 2), v = random_tensor(shape, 3);
  const std::vector<std::int64_t> counts = {70, 5, 0};
  const auto y = causal_attention(q, k, v, counts_of(counts)).to_host();
  for (std::int64_t b = 0; b < 3; ++b) {
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t count = counts[static_cast<std::size_t>(b)];
      const std::int64_t seen = count == 0 ? i + 1 : std::min(i + 1, count);
      const auto all = attention(part(q, b, i + 1), part(k, b, seen), part(v, b, seen)).to_host();
      for (std::int64_t j = 0; j < heads * width; ++j) {
        const double found = y[static_cast<std::size_t>((b * length + i) * heads * width + j)];
        const double expected = all[static_cast<std::size_t>(i * heads * width + j)];
        BOOST_TEST_REQUIRE(std::abs(found - expected) < 1e-12, b << " " << i);
      }
    }
  }
  BOOST_TEST((causal_attention(q, k, v, {}).to_host() ==
              causal_attention(q, k, v, counts_of({70, 70, 0})).to_host()));
}

BOOST_AUTO_TEST_CASE(gradient) {
  const Shape shape{2, 5, 2, 3};
  for (const auto& counts : {Tensor<std::int64_t>{}, counts_of({5, 2}), counts_of({0, 1})}) {
    check_gradient([&](const auto& in) { return causal_attention(in[0], in[1], in[2], counts); },
                   {random_tensor(shape, 1), random_tensor(shape, 2), random_tensor(shape, 3)});
  }
  check_gradient([&](const auto& in) { return causal_attention(in[0], in[0], in[0], counts_of({4})); },
                 {random_tensor({1, 4, 1, 2}, 1)});
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  const Shape shape{2, 9, 2, 4};
  const auto counts = counts_of({9, 4});
  check_bfloat16([&](const auto& in) { return causal_attention(in[0], in[1], in[2], counts); },
                 {shape, shape, shape});
}

BOOST_AUTO_TEST_CASE(bad_shapes) {
  const auto x = random_tensor({2, 3, 1, 2}, 1);
  BOOST_CHECK_THROW(causal_attention(x, random_tensor({2, 4, 1, 2}, 1), x, {}), ShapeError);
  BOOST_CHECK_THROW(causal_attention(x, x, random_tensor({2, 4, 1, 2}, 1), {}), ShapeError);
  BOOST_CHECK_THROW(causal_attention(x, x, x, counts_of({3})), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
