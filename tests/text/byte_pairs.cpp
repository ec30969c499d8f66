// SPDX-License-Identifier: MIT
/// \file
/// Joining tokens by rules, against the definition read literally.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <pixnerd/text/byte_pairs.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(byte_pairs)

namespace {

using Tokens = std::vector<std::uint32_t>;
using Ids = std::vector<std::int64_t>;

Ids join(const BytePairs& pairs, const Tokens& tokens) {
  BytePairs::Scratch scratch;
  Ids out;
  pairs.join(tokens, scratch, out);
  return out;
}

/// Looks for the lowest rule over and over.
Ids join_slowly(const std::vector<BytePairRule>& rules, Tokens tokens) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& rule : rules) {
      for (std::size_t i = 0; i + 1 < tokens.size() && !changed; ++i) {
        if (tokens[i] != rule.left || tokens[i + 1] != rule.right) continue;
        tokens[i] = rule.joined;
        tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        changed = true;
      }
      if (changed) break;
    }
  }
  return {tokens.begin(), tokens.end()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(equals_the_definition) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (int trial = 0; trial < 2000; ++trial) {
    // Rules in any order, also such that a later one makes what an earlier one joins.
    constexpr std::uint32_t tokens = 8;
    std::vector<BytePairRule> rules;
    bool used[tokens][tokens] = {};
    for (std::uint32_t i = below(10); i > 0; --i) {
      const BytePairRule rule{below(tokens), below(tokens), below(tokens)};
      if (!std::exchange(used[rule.left][rule.right], true)) rules.push_back(rule);
    }
    const BytePairs pairs(rules, tokens);
    BOOST_TEST(pairs.duplicate() == -1);
    for (int word = 0; word < 10; ++word) {
      Tokens given(below(20));
      for (auto& token : given) token = below(word < 5 ? 2 : tokens);
      BOOST_TEST_REQUIRE(join(pairs, given) == join_slowly(rules, given));
    }
  }
}

BOOST_AUTO_TEST_CASE(edges) {
  BOOST_TEST(join(BytePairs({}, 1), {}) == Ids{});
  BOOST_TEST(join(BytePairs({}, 1), {0}) == Ids{0});
  const BytePairs pairs({{0, 0, 1}, {1, 1, 2}}, 3);
  BOOST_TEST(join(pairs, {0}) == Ids{0});
  BOOST_TEST(join(pairs, {0, 0, 0}) == (Ids{1, 0}));
  BOOST_TEST(join(pairs, {0, 0, 0, 0, 0}) == (Ids{2, 0}));
  BOOST_TEST(BytePairs({{0, 1, 2}, {1, 0, 2}, {0, 1, 2}}, 3).duplicate() == 2);
}

BOOST_AUTO_TEST_CASE(a_word_of_a_million) {
  std::vector<BytePairRule> rules;
  for (std::uint32_t i = 0; i < 16; ++i) rules.push_back({i, i, i + 1});
  const auto out = join(BytePairs(rules, 17), Tokens(1 << 20, 0));
  BOOST_TEST(out == Ids(16, 16));
}

BOOST_AUTO_TEST_SUITE_END()
