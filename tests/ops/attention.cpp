// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/attention.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(attention_op)

namespace {

/// softmax(q k^T / sqrt(d)) v, one query and head at a time.
std::vector<double> written_out(const Tensor<float>& q, const Tensor<float>& k, const Tensor<float>& v) {
  const auto batch = q.size(0), queries = q.size(1), heads = q.size(2), width = q.size(3), keys = k.size(1);
  std::vector<double> y(static_cast<std::size_t>(q.count()));
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t i = 0; i < queries; ++i) {
      for (std::int64_t a = 0; a < heads; ++a) {
        const auto at = [&](std::int64_t length, std::int64_t token) {
          return ((b * length + token) * heads + a) * width;
        };
        std::vector<double> weights;
        double sum = 0;
        for (std::int64_t j = 0; j < keys; ++j) {
          double dot = 0;
          for (std::int64_t c = 0; c < width; ++c)
            dot += double(q.data()[at(queries, i) + c]) * k.data()[at(keys, j) + c];
          weights.push_back(std::exp(dot / std::sqrt(double(width))));
          sum += weights.back();
        }
        for (std::int64_t j = 0; j < keys; ++j) {
          for (std::int64_t c = 0; c < width; ++c) {
            y[static_cast<std::size_t>(at(queries, i) + c)] +=
                weights[static_cast<std::size_t>(j)] / sum * v.data()[at(keys, j) + c];
          }
        }
      }
    }
  }
  return y;
}

}  // namespace

BOOST_AUTO_TEST_CASE(values) {
  const std::int64_t sizes[][5] = {{1, 1, 1, 1, 1}, {2, 3, 5, 7, 4}, {1, 2, 130, 33, 8}};
  for (const auto& [batch, heads, queries, keys, width] : sizes) {
    const auto q = random_tensor<float>({batch, queries, heads, width}, 1);
    const auto k = random_tensor<float>({batch, keys, heads, width}, 2),
               v = random_tensor<float>({batch, keys, heads, width}, 3);
    BOOST_TEST(relative_error(attention(q, k, v).to_host(), written_out(q, k, v)) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(large_scores_do_not_overflow) {
  const auto q = Tensor<float>::full({1, 1, 1, 4}, 1e4f), k = Tensor<float>::full({1, 2, 1, 4}, 1e4f);
  const auto y = attention(q, k, Tensor<float>::full({1, 2, 1, 4}, 3.0f)).to_host();
  for (const float value : y) BOOST_TEST(value == 3.0f);
}

BOOST_AUTO_TEST_CASE(gradient) {
  // 67 queries make two blocks of rows.
  const std::int64_t sizes[][5] = {
      {1, 1, 1, 1, 1}, {2, 3, 2, 5, 3}, {1, 1, 67, 2, 2}, {0, 1, 2, 3, 4}, {2, 1, 0, 3, 2}};
  for (const auto& [batch, heads, queries, keys, width] : sizes) {
    check_gradient(
        [](const auto& t) { return attention(t[0], t[1], t[2]); },
        {random_tensor({batch, queries, heads, width}, 1), random_tensor({batch, keys, heads, width}, 2),
         random_tensor({batch, keys, heads, width}, 3)});
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_one_tensor_in_several_places) {
  // 70 queries: more than one block of them.
  const auto x = random_tensor({1, 70, 1, 2}, 1), y = random_tensor({1, 3, 1, 2}, 2);
  check_gradient([](const auto& in) { return attention(in[0], in[0], in[0]); }, {x});
  check_gradient([](const auto& in) { return attention(in[0], in[1], in[1]); }, {x, y});
  const auto z = random_tensor({1, 70, 1, 2}, 3);
  check_gradient([](const auto& in) { return attention(in[0], in[0], in[1]); }, {x, z});
  check_gradient([](const auto& in) { return attention(in[0], in[1], in[0]); }, {x, z});
}

BOOST_AUTO_TEST_CASE(scores_of_the_whole_batch_never_exist) {
  auto& pool = MemoryPool<Cpu>::instance();
  const auto x = random_tensor<float>({8, 256, 4, 8}, 1);
  const auto before = pool.statistics();
  auto q = x;
  require_grad(q);
  Tape tape;
  const auto y = attention(q, x, x);
  tape.backward(y, x);
  const auto after = pool.statistics();
  const std::size_t all_scores = 8 * 4 * 256 * 256 * sizeof(float);
  BOOST_TEST(after.peak - before.in_use < all_scores / 4 + 4 * x.bytes());
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto x = random_tensor({2, 3, 4, 5}, 1);
  BOOST_CHECK_THROW(attention(x, x, random_tensor({2, 4, 4, 5}, 2)), ShapeError);
  BOOST_CHECK_THROW(attention(x, random_tensor({2, 0, 4, 5}, 2), random_tensor({2, 0, 4, 5}, 2)), ShapeError);
  BOOST_CHECK_THROW(attention(random_tensor({2, 3, 20}, 1), x, x), ShapeError);
}

BOOST_AUTO_TEST_CASE(bfloat16_against_float32) {
  check_bfloat16([](const auto& in) { return attention(in[0], in[1], in[2]); },
                 {{2, 70, 3, 8}, {2, 33, 3, 8}, {2, 33, 3, 8}});
  check_bfloat16([](const auto& in) { return attention(in[0], in[0], in[0]); }, {{1, 70, 2, 8}});
}

BOOST_AUTO_TEST_SUITE_END()
