// SPDX-License-Identifier: MIT
/// \file
/// Cutting text by a regular expression.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/text/split_pattern.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using Pieces = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(split_pattern)

namespace {

Pieces split(const std::string& pattern, const std::string& characters) {
  Pieces out;
  SplitPattern(pattern, "F").split(characters, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(matches_and_what_lies_between) {
  BOOST_TEST(split("[0-9]+", "ab12cd3") == (Pieces{"ab", "12", "cd", "3"}));
  BOOST_TEST(split("[0-9]+", "ab") == (Pieces{"ab"}));
  BOOST_TEST(split("[0-9]+", "") == Pieces{});
  BOOST_TEST(split("\\p{L}+", "\u65e5\u672c 1\u00e9") == (Pieces{"\u65e5\u672c", " 1", "\u00e9"}));
  BOOST_TEST(split("(?i:'s)", "x'S'\u017f") == (Pieces{"x", "'S", "'\u017f"}));
}

BOOST_AUTO_TEST_CASE(white_space_is_unicodes) {
  BOOST_TEST(split("\\s+", "a\u00a0\u3000\u0085\tb") == (Pieces{"a", "\u00a0\u3000\u0085\t", "b"}));
  BOOST_TEST(split("\\s+",
                   "a\u180e"
                   "b") == (Pieces{"a\u180e"
                                   "b"}));
  BOOST_TEST(split("[^\\s]+",
                   "a\u180e"
                   "b c") == (Pieces{"a\u180e"
                                     "b",
                                     " ", "c"}));
  BOOST_TEST(split("\\S+",
                   "a\u180e"
                   "b c") == (Pieces{"a\u180e"
                                     "b",
                                     " ", "c"}));
  BOOST_TEST(detail::with_unicode_spaces("[]\\s][^]\\s][[:alpha:]\\s]\\\\s\\[\\s") ==
             "[]\\t-\\r\\x{85}\\p{Z}][^]\\t-\\r\\x{85}\\p{Z}][[:alpha:]\\t-\\r\\x{85}\\p{Z}]\\\\s\\["
             "[\\t-\\r\\x{85}\\p{Z}]");
}

BOOST_AUTO_TEST_CASE(bad_patterns) {
  const auto refused = [](const std::string& pattern, const std::vector<std::string>& words) {
    test::check_throws<FileError>([&] { split(pattern, "a"); }, words);
  };
  refused(
      "(",
      {"[tokenizer] expected a regular expression as split pattern in 'F', got missing closing parenthesis"});
  refused("a*", {"matches no empty text in 'F', got one that does"});
  refused("", {"matches no empty text"});
  refused("\\C", {"a regular expression"});
  refused("\xff", {"a regular expression", "UTF-8"});
  refused("\\p{Nonsense}", {"a regular expression"});
  refused(std::string(300, '('), {"a regular expression"});
  refused(std::string(20'000, 'a'), {"at most 10000 bytes", "20000"});
  refused("((((a{9999}){9999}){9999}){9999})", {"a regular expression"});
}

BOOST_AUTO_TEST_CASE(long_words_of_repeated_groups) {
  const std::string word(300'000, 'a');
  BOOST_TEST((split("(?:\\p{L}\\p{M}*)+", word + " b") == Pieces{word, " ", "b"}));
}

// Backtracking without end is an error, not a hang.
BOOST_AUTO_TEST_CASE(patterns_that_take_forever) {
  test::check_throws<ValueError>([] { split("(a+)+$", std::string(64, 'a') + "b"); },
                                 {"[tokenizer] expected a text"});
  test::check_throws<ValueError>([] { split("(?=a)a(?<=a)\\K", "aa"); },
                                 {"expected a pattern whose matches"});
}

BOOST_AUTO_TEST_SUITE_END()
