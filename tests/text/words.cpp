// SPDX-License-Identifier: MIT
/// \file
/// Texts as numbers of words and their parts.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <vector>

#include <pixnerd/text/words.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using Ids = std::vector<std::int64_t>;

BOOST_AUTO_TEST_SUITE(words)

namespace {

/// How many of the numbers of word `a` are among those of word `b`.
int shared(const std::string& a, const std::string& b) {
  const WordIdOptions options{1 << 20, 1, 12};
  const Ids first = word_ids(a, options), second = word_ids(b, options);
  return static_cast<int>(std::count_if(first.begin(), first.end(), [&](std::int64_t id) {
    return id != 0 && std::find(second.begin(), second.end(), id) != second.end();
  }));
}

}  // namespace

BOOST_AUTO_TEST_CASE(splits_at_everything_but_letters_and_digits) {
  const std::vector<std::string> expected{"a", "red", "heart", "no", "2", "cœur"};
  BOOST_TEST(split_words("  A red-heart, (No.2)\tcœur!\n") == expected, boost::test_tools::per_element());
  BOOST_TEST(split_words("").empty());
  BOOST_TEST(split_words(" ,.-\n").empty());
}

BOOST_AUTO_TEST_CASE(numbers_of_words_and_parts) {
  const WordIdOptions options{4096, 3, 6};
  const Ids ids = word_ids("The CAT", options);
  BOOST_TEST_REQUIRE(ids.size() == 18U);
  const auto row = [](const char* feature) { return detail::feature_row(feature, 4096); };
  const Ids expected{row("<the>"),
                     row("<th"),
                     row("the"),
                     row("he>"),
                     0,
                     0,
                     row("<cat>"),
                     row("<ca"),
                     row("cat"),
                     row("at>"),
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0};
  BOOST_TEST(ids == expected, boost::test_tools::per_element());
  // Files of weights depend on these numbers: they never change.
  BOOST_TEST(row("<cat>") == 2578);
  BOOST_TEST(row("<ca") == 1296);
}

BOOST_AUTO_TEST_CASE(resembling_words_share_numbers) {
  BOOST_TEST(shared("smile", "smile") == 6);
  BOOST_TEST(shared("smiling", "smile") >= 3);
  BOOST_TEST(shared("cats", "cat") >= 2);
  BOOST_TEST(shared("dog", "cat") == 0);
}

BOOST_AUTO_TEST_CASE(every_text_has_numbers_within_the_table) {
  std::string any;
  for (int c = 0; c < 256; ++c) any += std::string(3, static_cast<char>(c)) + " ";
  for (const auto& content :
       {std::string(), any, std::string(100'000, 'x'), std::string("a b c d e f g h")}) {
    for (const WordIdOptions options : {WordIdOptions{}, WordIdOptions{2, 1, 1}, WordIdOptions{50, 5, 20}}) {
      const Ids ids = word_ids(content, options);
      BOOST_TEST(static_cast<std::int64_t>(ids.size()) == options.words * options.features);
      BOOST_TEST(std::all_of(ids.begin(), ids.end(), [&](auto id) { return id >= 0 && id < options.rows; }));
    }
  }
  const Ids nothing = word_ids("");
  BOOST_TEST(std::count(nothing.begin(), nothing.end(), 0) == 16 * 12);
}

BOOST_AUTO_TEST_CASE(numbers_spread_over_the_table) {
  std::set<std::int64_t> seen;
  for (int i = 0; i < 20'000; ++i) seen.insert(detail::feature_row(std::to_string(i), 1000));
  BOOST_TEST(seen.size() == 999U);
}

BOOST_AUTO_TEST_CASE(refuses_tables_without_room) {
  test::check_throws<ValueError>([] { word_ids("a", {1, 1, 1}); }, {"at least 2 rows", "1 rows"});
  test::check_throws<ValueError>([] { word_ids("a", {9, 0, 1}); }, {"0 words"});
  test::check_throws<ValueError>([] { word_ids("a", {9, 1, -1}); }, {"-1 features"});
}

BOOST_AUTO_TEST_SUITE_END()
