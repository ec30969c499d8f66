// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/decoders/linear_decoder.hpp>
#include <pixnerd/decoders/neural_field/decoder.hpp>
#include <pixnerd/ops/batched_product.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/normalize_columns.hpp>
#include <pixnerd/ops/silu.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(decoders)

namespace {
using Double = On<Cpu, Full<double>>;
const DecoderSizes sizes{.channels = 2, .patch = 2, .width = 3, .depth = 5};
const NeuralFieldConfig config{.depth = 2, .features = 2, .ratio = 2};
}  // namespace

BOOST_AUTO_TEST_CASE(dct_basis) {
  const auto values = DctBasis::values(3, 5);
  BOOST_TEST(values.size() == 3u * 5 * 64);
  // Pixel (py 1, px 2), frequencies i = 3 over x and j = 5 over y.
  const double fi = 24.0 / 7, fj = 40.0 / 7, pi = std::acos(-1.0);
  BOOST_TEST(values[(1 * 5 + 2) * 64 + 8 * 3 + 5] ==
                 std::cos(pi * 0.5 * fi) * std::cos(pi * 0.5 * fj) / (1 + fi * fj),
             boost::test_tools::tolerance(1e-12));
  // linspace with one point is its start, where every cosine is 1.
  const auto one = DctBasis::values(1, 1);
  BOOST_TEST(one[0] == 1);
  BOOST_TEST(one[9] == 1 / (1 + 64.0 / 49), boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(axis_cosine_basis) {
  const auto values = AxisCosineBasis::values(3, 5);
  BOOST_TEST(values.size() == 3u * 5 * 64);
  // Pixel (py 2, px 3): x = 12, y = 16.
  for (int j = 0; j < 32; ++j) {
    const double w = std::pow(10000.0, -4.0 * j / 128);
    const double* at = values.data() + (2 * 5 + 3) * 64 + 2 * j;
    BOOST_TEST(at[0] == std::cos(12 * w), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(at[1] == std::cos(16 * w), boost::test_tools::tolerance(1e-12));
  }
  for (const double value : AxisCosineBasis::values(1, 1)) BOOST_TEST(value == 1);
}

BOOST_AUTO_TEST_CASE(field_block_is_its_parts) {
  // The fused operation against the same network written with separate operations.
  Initializer init(3);
  const NeuralFieldBlock<Double> block(5, 3, 2, init);
  const auto pixels = random_tensor({4, 6, 3}, 1), tokens = random_tensor({4, 5}, 2);
  const auto theta = split<2>(block.generator(tokens), -1);
  const auto first = normalize_columns(theta[0].reshape({4, 3, 6})),
             second = normalize_columns(theta[1].reshape({4, 6, 3}));
  const auto expected =
      add(pixels, batched_product(silu(batched_product(block.norm(pixels), first)), second));
  BOOST_TEST(relative_error(block(pixels, tokens).to_host(), expected.to_host()) < 1e-14);
}

BOOST_AUTO_TEST_CASE(gradients) {
  Initializer init(1);
  const auto call = [](const auto& decoder, const auto& t) { return decoder(t[0], t[1], t[2]); };
  const std::vector<Tensor<double>> inputs{random_tensor({2, 2, 3}, 1), random_tensor({2, 2, 2, 4}, 2),
                                           random_tensor({2, 3}, 3)};
  check_module_gradient(NeuralFieldDecoder<Double>(sizes, config, init), call, inputs);
  check_module_gradient(LinearDecoder<Double>(sizes, {}, init), call, inputs);
}

using T2iDecoder = NeuralFieldDecoder<Double, AxisCosineBasis, NeuralFieldBlock<Double, false>,
                                      NeuralFieldLinearHead<Double>>;

BOOST_AUTO_TEST_CASE(gradients_at_another_resolution) {
  Initializer init(1);
  check_module_gradient(
      T2iDecoder(sizes, config, init),
      [](const auto& decoder, const auto& t) {
        return decoder(t[0], t[1], t[2], PatchSize{2, 3});
      },
      {random_tensor({2, 2, 3}, 1), random_tensor({2, 2, 2, 6}, 2), random_tensor({2, 3}, 3)});
}

BOOST_AUTO_TEST_CASE(a_finer_grid_samples_the_same_field) {
  // With noise that does not vary, the pixels of both grids that lie at the same coordinates are equal.
  Initializer init(1);
  T2iDecoder decoder(sizes, config, init);
  for_each_parameter(decoder, [next = 1u](const std::string&, const Tensor<double>& p) mutable {
    copy_into(p, random_tensor(p.shape(), next++));
  });
  const auto tokens = random_tensor({1, 2, 3}, 30), condition = random_tensor({1, 3}, 31);
  const auto coarse = decoder(tokens, Tensor<double>::full({1, 2, 2, 4}, 0.3), condition);
  const auto fine = decoder(tokens, Tensor<double>::full({1, 2, 3, 10}, 0.3), condition, PatchSize{3, 5});
  for (int channel = 0; channel < 2; ++channel) {
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 4; ++x) {
        // Corners of a patch lie at 0 and 16 on both grids.
        const double a = coarse.data()[(channel * 2 + y) * 4 + x],
                     b = fine.data()[(channel * 3 + 2 * y) * 10 + x / 2 * 5 + x % 2 * 4];
        BOOST_TEST(a == b, boost::test_tools::tolerance(1e-12));
      }
    }
  }
  BOOST_CHECK_THROW(decoder(tokens, random_tensor({1, 2, 3, 10}, 1), condition, PatchSize{3, 2}), ShapeError);
}

BOOST_AUTO_TEST_CASE(untrained_decoders_predict_zero) {
  Initializer init(1);
  const auto tokens = random_tensor({2, 2, 3}, 1), x = random_tensor({2, 2, 2, 4}, 2),
             condition = random_tensor({2, 3}, 3);
  for (const double v : NeuralFieldDecoder<Double>(sizes, config, init)(tokens, x, condition).to_host())
    BOOST_TEST(v == 0);
  for (const double v : LinearDecoder<Double>(sizes, {}, init)(tokens, x, condition).to_host())
    BOOST_TEST(v == 0);
}

BOOST_AUTO_TEST_CASE(field_blocks_continue_the_encoders_names) {
  Initializer init(1);
  std::vector<std::string> names;
  const NeuralFieldDecoder<Double> decoder(sizes, config, init);
  for_each_parameter(decoder, [&](const std::string& name, const auto&) { names.push_back(name); });
  BOOST_TEST(names[2] == "blocks.5.param_generator1.0.weight");
  BOOST_TEST(names[7] == "blocks.6.norm.weight");
  BOOST_TEST(names.back() == "final_layer.linear.bias");
}

BOOST_AUTO_TEST_SUITE_END()
