// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>

#include <pixnerd/nn/embedding.hpp>
#include <pixnerd/nn/embedding_sum.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/repeat.hpp>
#include <pixnerd/nn/residual.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/nn/sequential.hpp>
#include <pixnerd/nn/silu.hpp>

#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(layers)

namespace {
using Double = On<Cpu, Full<double>>;
using Affine = Linear<Double>;

template <class Module>
std::vector<std::string> names_of(const Module& module) {
  std::vector<std::string> names;
  for_each_parameter(
      module, [&](const std::string& name, const auto&) { names.push_back(name); }, "m");
  return names;
}
}  // namespace

BOOST_AUTO_TEST_CASE(gradients) {
  Initializer init(1);
  const auto call = [](const auto& layer, const auto& t) { return layer(t[0]); };
  check_module_gradient(Affine(3, 5, init), call, {random_tensor({2, 3}, 1)});
  check_module_gradient(Affine(1, 1, init, false), call, {random_tensor({1}, 1)});
  check_module_gradient(RmsNorm<Double>(5, init), call, {random_tensor({3, 5}, 1)});
  check_module_gradient(Sequential(Affine(3, 4, init), Silu{}, Affine(4, 2, init)), call,
                        {random_tensor({2, 3}, 1)});
  check_module_gradient(Residual(Affine(3, 3, init)), call, {random_tensor({2, 3}, 1)});
  check_module_gradient(Repeat<Residual<Affine>>(3, [&] { return Residual(Affine(2, 2, init)); }), call,
                        {random_tensor({2, 2}, 1)});
  const auto indices = Tensor<std::int64_t>::from_host({4}, std::vector<std::int64_t>{2, 0, 2, 1});
  check_module_gradient(Embedding<Double>(3, 5, init),
                        [&](const auto& layer, const auto&) { return layer(indices); }, {});
}

BOOST_AUTO_TEST_CASE(a_sum_of_embeddings) {
  Initializer init(1);
  const EmbeddingSum<Double> layer(4, 3, init);
  const auto indices = Tensor<std::int64_t>::from_host({2, 1, 2}, std::vector<std::int64_t>{3, 0, 1, 1});
  const auto y = layer(indices);
  BOOST_TEST((y.shape() == Shape{2, 1, 3}));
  const auto table = layer.table.weight.to_host(), values = y.to_host();
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(values[i] == table[9 + i] + table[i]);
    BOOST_TEST(values[3 + i] == 2 * table[3 + i]);
  }
  check_module_gradient(layer, [&](const auto& sums, const auto&) { return sums(indices); }, {});
  BOOST_TEST((names_of(layer) == std::vector<std::string>{"m.weight"}));
  BOOST_CHECK_THROW(layer(Tensor<std::int64_t>::zeros({})), ShapeError);
}

BOOST_AUTO_TEST_CASE(names_and_counts) {
  Initializer init(1);
  const Sequential model(Affine(3, 4, init), Silu{}, Affine(4, 2, init, false));
  BOOST_TEST((names_of(model) == std::vector<std::string>{"m.0.weight", "m.0.bias", "m.2.weight"}));
  BOOST_TEST(parameter_count(model) == 3 * 4 + 4 + 4 * 2);
  const Repeat<Residual<Affine>> stack(2, [&] { return Residual(Affine(2, 2, init)); });
  BOOST_TEST(
      (names_of(stack) == std::vector<std::string>{"m.0.weight", "m.0.bias", "m.1.weight", "m.1.bias"}));
}

BOOST_AUTO_TEST_CASE(initial_values) {
  Initializer init(1), again(1), other(2);
  const Linear<On<Cpu>> layer(64, 100, init), same(64, 100, again), different(64, 100, other);
  BOOST_TEST((layer.weight.to_host() == same.weight.to_host()));
  BOOST_TEST((layer.weight.to_host() != different.weight.to_host()));
  double largest = 0, square = 0;
  for (const float w : layer.weight.to_host()) {
    largest = std::max(largest, std::abs(double(w)));
    square += double(w) * w / 6400;
  }
  BOOST_TEST(largest <= 1.0 / 8);
  BOOST_TEST(largest > 0.99 / 8);
  BOOST_TEST(square == 1.0 / 64 / 3, boost::test_tools::tolerance(0.05));
  const auto normal = init.normal<float, Cpu>({101, 101}, 0.02).to_host();
  double variance = 0;
  for (const float w : normal) variance += double(w) * w / double(normal.size());
  BOOST_TEST(std::sqrt(variance) == 0.02, boost::test_tools::tolerance(0.05));
}

BOOST_AUTO_TEST_CASE(shapes_only_takes_no_memory) {
  auto& pool = MemoryPool<Cpu>::instance();
  const auto before = pool.statistics().in_use;
  auto init = Initializer::shapes_only();
  const Linear<On<Cpu>> layer(100000, 100000, init);
  BOOST_TEST(pool.statistics().in_use == before);
  BOOST_TEST(parameter_count(layer) == 100000LL * 100000 + 100000);
}

BOOST_AUTO_TEST_SUITE_END()
