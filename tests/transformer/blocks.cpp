// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <complex>

#include <pixnerd/transformer/dit_block.hpp>
#include <pixnerd/transformer/rotary_table.hpp>
#include <pixnerd/transformer/text_blocks.hpp>
#include <pixnerd/transformer/text_embedding.hpp>
#include <pixnerd/transformer/time_embedding.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(transformer)

namespace {
using Double = On<Cpu, Full<double>>;
}

BOOST_AUTO_TEST_CASE(rotary_table_turns_by_position) {
  const auto table = rotary_table<double, Cpu>(3, 2, 8);
  BOOST_TEST((table.shape() == Shape{6, 8}));
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 2; ++column) {
      const double x = 16.0 * column, y = 8.0 * row;
      for (int j = 0; j < 2; ++j) {
        const double w = std::pow(10000.0, -4.0 * j / 8);
        const double* at = table.data() + (row * 2 + column) * 8 + 4 * j;
        BOOST_TEST(std::abs(std::complex(at[0], at[1]) - std::polar(1.0, x * w)) < 1e-15);
        BOOST_TEST(std::abs(std::complex(at[2], at[3]) - std::polar(1.0, y * w)) < 1e-15);
      }
    }
  }
  // A single row or column stands at 0.
  const auto one = rotary_table<double, Cpu>(1, 1, 4).to_host();
  BOOST_TEST((one == std::vector<double>{1, 0, 1, 0}));
  BOOST_CHECK_THROW((rotary_table<float, Cpu>(2, 2, 6)), ValueError);
}

BOOST_AUTO_TEST_CASE(gradients) {
  Initializer init(1);
  const BlockContext<double, Cpu> plain{random_tensor({2, 8}, 5), rotary_table<double, Cpu>(1, 3, 4), {}};
  check_module_gradient(SelfAttention<Double>(8, 2, init),
                        [&](const auto& layer, const auto& t) { return layer(t[0], plain); },
                        {random_tensor({2, 3, 8}, 1)});
  check_module_gradient(SwigluMlp<Double>(4, init),
                        [](const auto& layer, const auto& t) { return layer(t[0]); },
                        {random_tensor({2, 3, 4}, 1)});
  check_module_gradient(
      DitBlock<Double>(4, 1, init),
      [&](const auto& block, const auto& t) {
        return block(t[0], BlockContext<double, Cpu>{t[1], rotary_table<double, Cpu>(1, 3, 4), {}});
      },
      {random_tensor({2, 3, 4}, 1), random_tensor({2, 4}, 2)});
  const auto times = Tensor<double>::from_host({3}, std::vector<double>{0, 0.3, 1});
  check_module_gradient(TimeEmbedding<Double>(2, init),
                        [&](const auto& layer, const auto&) { return layer(times); }, {});
}

BOOST_AUTO_TEST_CASE(gradients_with_text) {
  Initializer init(1);
  // Condition, image tokens and text tokens are inputs; only the image's turn by their positions.
  const auto call = [&](const auto& block, const auto& t) {
    return block(t[0], BlockContext<double, Cpu>{t[1], rotary_table<double, Cpu>(1, 3, 4), t[2]});
  };
  const std::vector<Tensor<double>> inputs{random_tensor({2, 3, 8}, 1), random_tensor({2, 8}, 2),
                                           random_tensor({2, 4, 8}, 3)};
  check_module_gradient(JointAttention<Double>(8, 2, init), call, inputs);
  check_module_gradient(JointBlock<Double>(8, 2, init), call, inputs);
  check_module_gradient(TextRefineBlock<Double>(4, 1, init),
                        [](const auto& block, const auto& t) {
                          return block(t[0], BlockContext<double, Cpu>{t[1], {}, {}});
                        },
                        {random_tensor({2, 3, 4}, 1), random_tensor({2, 4}, 2)});
  check_module_gradient(MergedSwigluMlp<Double>(2, init),
                        [](const auto& layer, const auto& t) { return layer(t[0]); },
                        {random_tensor({2, 3, 2}, 1)});
  check_module_gradient(TextEmbedding<Double>(5, 3, 4, init),
                        [](const auto& layer, const auto& t) { return layer(t[0]); },
                        {random_tensor({2, 3, 5}, 1)});
}

// Written down once more, with loops: one head at a time, softmax over the image's keys and the text's.
BOOST_AUTO_TEST_CASE(joint_attention_is_attention_over_both) {
  constexpr std::int64_t L = 3, n = 2, D = 8, A = 2, d = 4;
  Initializer init(5);
  const JointAttention<Double> layer(D, A, init);
  for_each_parameter(layer, [next = 1u](const std::string&, const Tensor<double>& p) mutable {
    copy_into(p, random_tensor(p.shape(), next++));
  });
  const auto x = random_tensor({1, L, D}, 20), words = random_tensor({1, n, D}, 21);
  const auto table = rotary_table<double, Cpu>(1, L, d);
  const auto product = [](const double* row, const Tensor<double>& weight, std::int64_t out) {
    double sum = 0;
    for (std::int64_t i = 0; i < D; ++i) sum += row[i] * weight.data()[out * D + i];
    return sum;
  };
  /// Part `part` of head `head` of a token, normalized and turned where asked.
  const auto part_of = [&](const double* row, const Tensor<double>& weight, std::int64_t part,
                           std::int64_t head, const double* norm, const double* turn) {
    std::vector<double> out;
    double square = 0;
    for (std::int64_t i = 0; i < d; ++i) {
      out.push_back(product(row, weight, part * D + head * d + i));
      square += out.back() * out.back();
    }
    if (norm == nullptr) return out;
    for (std::int64_t i = 0; i < d; ++i) out[i] *= norm[i] / std::sqrt(square / d + 1e-6);
    for (std::int64_t i = 0; turn != nullptr && i < d; i += 2) {
      const auto turned = std::complex(out[i], out[i + 1]) * std::complex(turn[i], turn[i + 1]);
      out[i] = turned.real();
      out[i + 1] = turned.imag();
    }
    return out;
  };
  const double *q_norm = layer.q_norm.weight.data(), *k_norm = layer.k_norm.weight.data();
  std::vector<double> joined(L * D), expected(L * D);
  for (std::int64_t head = 0; head < A; ++head) {
    std::vector<std::vector<double>> keys, values;
    for (std::int64_t j = 0; j < L; ++j) {
      keys.push_back(part_of(x.data() + j * D, layer.qkv_x.weight, 1, head, k_norm, table.data() + j * d));
      values.push_back(part_of(x.data() + j * D, layer.qkv_x.weight, 2, head, nullptr, nullptr));
    }
    for (std::int64_t j = 0; j < n; ++j) {
      keys.push_back(part_of(words.data() + j * D, layer.kv_y.weight, 0, head, k_norm, nullptr));
      values.push_back(part_of(words.data() + j * D, layer.kv_y.weight, 1, head, nullptr, nullptr));
    }
    for (std::int64_t i = 0; i < L; ++i) {
      const auto query = part_of(x.data() + i * D, layer.qkv_x.weight, 0, head, q_norm, table.data() + i * d);
      double total = 0;
      std::vector<double> sum(d);
      for (std::size_t j = 0; j < keys.size(); ++j) {
        double score = 0;
        for (std::int64_t k = 0; k < d; ++k) score += query[k] * keys[j][k];
        const double weight = std::exp(score / std::sqrt(double(d)));
        total += weight;
        for (std::int64_t k = 0; k < d; ++k) sum[k] += weight * values[j][k];
      }
      for (std::int64_t k = 0; k < d; ++k) joined[i * D + head * d + k] = sum[k] / total;
    }
  }
  for (std::int64_t i = 0; i < L; ++i) {
    for (std::int64_t j = 0; j < D; ++j)
      expected[i * D + j] = product(joined.data() + i * D, layer.proj.weight, j) + layer.proj.bias.data()[j];
  }
  BOOST_TEST(relative_error(layer(x, {{}, table, words}).to_host(), expected) < 1e-13);
}

BOOST_AUTO_TEST_CASE(joint_attention_needs_a_text) {
  Initializer init(1);
  const JointAttention<On<Cpu>> layer(8, 2, init);
  const auto x = random_tensor<float>({2, 3, 8}, 1);
  BOOST_CHECK_THROW(layer(x, {{}, {}, {}}), ShapeError);
  BOOST_CHECK_THROW(layer(x, {{}, {}, random_tensor<float>({1, 3, 8}, 2)}), ShapeError);
  BOOST_CHECK_THROW(layer(x, {{}, {}, random_tensor<float>({2, 3, 6}, 2)}), ShapeError);
  BOOST_CHECK_THROW(JointAttention<On<Cpu>>(10, 3, init), ValueError);
}

BOOST_AUTO_TEST_CASE(published_hidden_widths) {
  auto init = Initializer::shapes_only();
  BOOST_TEST((SwigluMlp<On<Cpu>>(1024, init).w1.weight.size(0) == 2730));
  BOOST_TEST((SwigluMlp<On<Cpu>>(1152, init).w1.weight.size(0) == 3072));
  BOOST_TEST((MergedSwigluMlp<On<Cpu>>(1536, init).w12.weight.size(0) == 8 * 1536));
}

BOOST_AUTO_TEST_CASE(heads_must_divide_the_width) {
  Initializer init(1);
  BOOST_CHECK_THROW(SelfAttention<On<Cpu>>(10, 3, init), ValueError);
  BOOST_CHECK_THROW(SelfAttention<On<Cpu>>(10, 0, init), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
