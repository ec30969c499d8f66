// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/transformer/token_grid.hpp>
#include <pixnerd/transformer/vit_block.hpp>

#include "support/bfloat16.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(vit_block)

BOOST_AUTO_TEST_CASE(gradient) {
  Initializer init(1);
  check_module_gradient(VitBlock<On<Cpu, Full<double>>>(6, 2, 8, init),
                        [](const auto& block, const auto& in) { return block(in[0]); },
                        {random_tensor({2, 3, 6}, 1)});
}

BOOST_AUTO_TEST_CASE(is_its_formula) {
  Initializer init(1);
  VitBlock<On<Cpu, Full<double>>> block(6, 2, 8, init);
  for_each_parameter(block, [stream = 0u](const std::string&, Tensor<double>& parameter) mutable {
    parameter = random_tensor(parameter.shape(), ++stream);
  });
  const auto s = random_tensor({2, 3, 6}, 90);
  const auto row = [](const Tensor<double>& x) { return x.reshape({1, 1, x.count()}); };
  const auto h = s + row(block.scale1.gamma) * block.attention(block.norm1(s));
  const auto y = h + row(block.scale2.gamma) * block.mlp(block.norm2(h));
  BOOST_TEST(relative_error(block(s).to_host(), y.to_host()) < 1e-14);
}

BOOST_AUTO_TEST_CASE(heads_do_not_see_each_other) {
  Initializer init(1);
  PlainAttention<On<Cpu, Full<double>>> attention(6, 2, init);
  // An output product that passes the first head's three features on, and nothing of the second's.
  attention.proj.weight.zero();
  attention.proj.bias.zero();
  for (int i = 0; i < 3; ++i) attention.proj.weight.data()[7 * i] = 1;
  const auto x = random_tensor({1, 4, 6}, 1);
  const auto before = attention(x).to_host();
  // Rows of the second head in q, k and v.
  for (const int part : {0, 6, 12}) {
    for (int i = 6 * (part + 3); i < 6 * (part + 6); ++i) attention.qkv.weight.data()[i] += 1;
  }
  BOOST_TEST((attention(x).to_host() == before));
}

BOOST_AUTO_TEST_CASE(mixed_is_near_float32) {
  Initializer init(1), again(1);
  const VitBlock<On<Cpu>> wide(32, 4, 64, init);
  const VitBlock<On<Cpu, Mixed>> narrow(32, 4, 64, again);
  const auto s = random_tensor<float>({2, 9, 32}, 1);
  const auto expected = wide(s).to_host();
  const double error = relative_error(narrow(s).to_host(), expected);
  BOOST_TEST(error < 5e-3);
  BOOST_TEST(error > 1e-5);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(token_grids)

BOOST_AUTO_TEST_CASE(grids_of_images) {
  BOOST_TEST((token_grid(12, 48, 64) == TokenGrid{3, 4}));
  BOOST_TEST((token_grid(1, 7, 7) == TokenGrid{1, 1}));
  BOOST_TEST((token_grid(8, 512, 256) == TokenGrid{4, 2}));
  for (const std::int64_t length : {0, 11, 3, 27}) BOOST_CHECK_THROW(token_grid(length, 48, 64), ShapeError);
}

BOOST_AUTO_TEST_CASE(tokens_and_images) {
  const auto tokens = random_tensor({2, 6, 5}, 1);
  const auto image = grid_image(tokens, {2, 3});
  BOOST_TEST((image.shape() == Shape{2, 5, 2, 3}));
  BOOST_TEST(image.data()[(1 * 5 + 4) * 6 + 5] == tokens.data()[(1 * 6 + 5) * 5 + 4]);
  BOOST_TEST((grid_tokens(image).to_host() == tokens.to_host()));
  BOOST_TEST(resize_token_grid(tokens, {2, 3}, {2, 3}).data() == tokens.data());
  const auto larger = resize_token_grid(tokens, {2, 3}, {4, 6});
  BOOST_TEST((larger.to_host() == grid_tokens(interpolate(image, 4, 6, Interpolation::bilinear)).to_host()));
  BOOST_CHECK_THROW(grid_image(tokens, {2, 2}), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
