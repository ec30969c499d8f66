// SPDX-License-Identifier: MIT
/// \file
/// Reading Unicode's list of emoji.
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/data/emoji/list.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(emoji_list)

BOOST_AUTO_TEST_CASE(fully_qualified_emoji_with_names_and_groups) {
  const std::string content =
      "# emoji-test.txt\n\n# group: Smileys & Emotion\r\n\n# subgroup: face-smiling\n"
      "1F600      ; fully-qualified     # X E1.0 grinning face\n"
      "263A FE0F  ; fully-qualified     # X E0.6 smiling face\r\n"
      "263A       ; unqualified         # X E0.6 smiling face\n"
      "# group: People & Body\n# subgroup: hand\n"
      "1F44B 1F3FB; fully-qualified     # X E1.0 waving hand: light skin tone\n"
      "1F3FB      ; component           # X E1.0 light skin tone";
  const auto entries = parse_emoji_list(content, "x");
  BOOST_TEST_REQUIRE(entries.size() == 3U);
  BOOST_TEST((entries[0].sequence == U"\U0001F600"));
  BOOST_TEST(entries[0].name == "grinning face");
  BOOST_TEST(entries[0].group == "Smileys & Emotion");
  BOOST_TEST(entries[0].subgroup == "face-smiling");
  BOOST_TEST(!entries[0].has_skin_tone());
  BOOST_TEST((entries[1].sequence == U"\u263A\uFE0F"));
  BOOST_TEST(entries[1].name == "smiling face");
  BOOST_TEST(entries[2].group == "People & Body");
  BOOST_TEST(entries[2].name == "waving hand: light skin tone");
  BOOST_TEST(entries[2].has_skin_tone());
}

BOOST_AUTO_TEST_CASE(any_other_line_is_an_error_that_names_it) {
  const std::string head = "# group: G\n# subgroup: S\n1F600 ; fully-qualified # X E1.0 a\n";
  BOOST_TEST(parse_emoji_list(head, "x").size() == 1U);
  for (const std::string line :
       {"hello", "1F600", "1F600 ; fully-qualified", "1F600 ; fully-qualified #",
        "1F600 ; fully-qualified # X E1.0", "; fully-qualified # X E1.0 a", "G ; fully-qualified # X E1.0 a",
        "110000 ; fully-qualified # X E1.0 a", "0 ; fully-qualified # X E1.0 a",
        "1F600 -1 ; fully-qualified # X E1.0 a", "# X ; 1F600", "1F600 # X E1.0 a ;"}) {
    if (line.front() == '#') {
      BOOST_TEST(parse_emoji_list(head + line, "x").size() == 1U);
    } else {
      check_throws<FileError>([&] { parse_emoji_list(head + line, "list.txt"); },
                              {"list.txt", "line 4", line});
    }
  }
  check_throws<FileError>([] { parse_emoji_list("1F600 ; fully-qualified # X E1.0 a", "list.txt"); },
                          {"line 1"});
  check_throws<FileError>([] { parse_emoji_list("", "list.txt"); }, {"list.txt", "none"});
  check_throws<FileError>([] { parse_emoji_list("# nothing\n", "list.txt"); }, {"list.txt", "none"});
  for (const std::string key : {"# group: ", "# subgroup: "}) {
    BOOST_TEST(parse_emoji_list(key + std::string(100, 'g') + "\n" + head, "x").size() == 1U);
    check_throws<FileError>([&] { parse_emoji_list(head + key + std::string(101, 'g'), "list.txt"); },
                            {"a group's name of at most 100 bytes in line 4 of 'list.txt'", "101"});
  }
}

BOOST_AUTO_TEST_SUITE_END()
