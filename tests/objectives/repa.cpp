// SPDX-License-Identifier: MIT
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include <pixnerd/io/parameters.hpp>
#include <pixnerd/objectives/repa.hpp>

#include "support/files.hpp"
#include "support/support.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(repa)

using Projector = RepaProjector<On<Cpu, Full<double>>>;

Projector make_projector(std::int64_t width, std::int64_t features) {
  Initializer init(1);
  return Projector(width, features, init);
}

BOOST_AUTO_TEST_CASE(parameters_have_their_published_names) {
  const SafetensorsFile file(std::string(PIXNERD_TEST_DATA) + "/training_repa.safetensors");
  Repa<On<Cpu, Full<double>>> repa{make_projector(32, 12)};
  load_parameters(file, repa.projector, "proj0");
  std::vector<std::string> names;
  for_each_parameter(repa, [&](const std::string& name, const auto&) { names.push_back(name); });
  BOOST_TEST(names == (std::vector<std::string>{"proj.0.0.weight", "proj.0.0.bias", "proj.0.2.weight",
                                                "proj.0.2.bias", "proj.0.4.weight", "proj.0.4.bias"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(alignment_is_one_minus_the_mean_cosine) {
  const auto a = random_tensor({2, 3, 4}, 1), b = random_tensor({2, 3, 4}, 2);
  double sum = 0;
  for (int token = 0; token < 6; ++token) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 4 * token; i < 4 * token + 4; ++i) {
      ab += a.data()[i] * b.data()[i];
      aa += a.data()[i] * a.data()[i];
      bb += b.data()[i] * b.data()[i];
    }
    sum += ab / std::sqrt(aa * bb);
  }
  BOOST_TEST(std::abs(alignment_loss(a, b).item() - (1 - sum / 6)) < 1e-14);
  BOOST_TEST(std::abs(alignment_loss(a, scale(a, 3)).item()) < 1e-14);
  BOOST_TEST(std::abs(alignment_loss(a, scale(a, -3)).item() - 2) < 1e-14);
}

BOOST_AUTO_TEST_CASE(gradient_by_tokens_and_by_every_parameter) {
  const auto features = random_tensor({2, 3, 5}, 1);
  const auto objective = [&](const std::vector<Tensor<double>>& in) {
    Repa<On<Cpu, Full<double>>> repa{make_projector(4, 5), 3, 0.5};
    std::size_t next = 1;
    for_each_parameter(repa, [&](const std::string&, Tensor<double>& parameter) { parameter = in[next++]; });
    auto tap = repa.tap();
    tap(2, in[0]);
    const auto alignment = repa.alignment(tap, features);
    return repa.total(alignment_loss(in[0], in[0]), alignment);
  };
  check_gradient(objective, {random_tensor({2, 3, 4}, 2), random_tensor({4, 4}, 3), random_tensor({4}, 4),
                             random_tensor({4, 4}, 5), random_tensor({4}, 6), random_tensor({5, 4}, 7),
                             random_tensor({5}, 8)});
}

BOOST_AUTO_TEST_CASE(tap_keeps_the_block_it_was_asked_for) {
  BlockTap<double, Cpu> tap(2);
  const auto first = random_tensor({1, 2, 3}, 1), second = random_tensor({1, 2, 3}, 2);
  test::check_throws<ValueError>([&] { tap.tokens(); }, {"a block 2", "no tokens"});
  tap(0, first);
  test::check_throws<ValueError>([&] { tap.tokens(); }, {"a block 2", "no tokens"});
  tap(1, second);
  tap(2, first);
  BOOST_TEST(tap.tokens().data() == second.data());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit) {
  test::check_throws<ValueError>([] { BlockTap<double, Cpu> tap(0); }, {"a block counted from 1", "0"});
  Repa<On<Cpu, Full<double>>> repa{make_projector(4, 5), 1};
  auto tap = repa.tap();
  tap(0, random_tensor({2, 3, 4}, 1));
  BOOST_CHECK_THROW(repa.alignment(tap, random_tensor({2, 4, 5}, 2)), ShapeError);
  BOOST_CHECK_THROW(repa.alignment(tap, random_tensor({2, 3, 6}, 2)), ShapeError);
}

BOOST_AUTO_TEST_SUITE_END()
