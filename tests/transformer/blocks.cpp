#include <boost/test/unit_test.hpp>
#include <complex>

#include <pixnerd/transformer/dit_block.hpp>
#include <pixnerd/transformer/rotary_table.hpp>
#include <pixnerd/transformer/time_embedding.hpp>

#include "support.hpp"

using namespace pixnerd;

namespace {
using Double = Full<double>;
}

BOOST_AUTO_TEST_SUITE(transformer)

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
  check_module_gradient(SelfAttention<Cpu, Double>(8, 2, init),
                        [&](const auto& layer, const auto& t) { return layer(t[0], plain); },
                        {random_tensor({2, 3, 8}, 1)});
  check_module_gradient(SwigluMlp<Cpu, Double>(4, init),
                        [](const auto& layer, const auto& t) { return layer(t[0]); },
                        {random_tensor({2, 3, 4}, 1)});
  check_module_gradient(
      DitBlock<Cpu, Double>(4, 1, init),
      [&](const auto& block, const auto& t) {
        return block(t[0], BlockContext<double, Cpu>{t[1], rotary_table<double, Cpu>(1, 3, 4), {}});
      },
      {random_tensor({2, 3, 4}, 1), random_tensor({2, 4}, 2)});
  const auto times = Tensor<double>::from_host({3}, std::vector<double>{0, 0.3, 1});
  check_module_gradient(TimeEmbedding<Cpu, Double>(2, init),
                        [&](const auto& layer, const auto&) { return layer(times); }, {});
}

BOOST_AUTO_TEST_CASE(published_hidden_widths) {
  auto init = Initializer::shapes_only();
  BOOST_TEST((SwigluMlp<Cpu>(1024, init).w1.weight.size(0) == 2730));
  BOOST_TEST((SwigluMlp<Cpu>(1152, init).w1.weight.size(0) == 3072));
}

BOOST_AUTO_TEST_CASE(heads_must_divide_the_width) {
  Initializer init(1);
  BOOST_CHECK_THROW(SelfAttention<Cpu>(10, 3, init), ValueError);
  BOOST_CHECK_THROW(SelfAttention<Cpu>(10, 0, init), ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
