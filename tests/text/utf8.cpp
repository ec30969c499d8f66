// SPDX-License-Identifier: MIT
/// \file
/// UTF-8, right and wrong.
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/text/utf8.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(utf8)

BOOST_AUTO_TEST_CASE(every_code_point_comes_back) {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code == 0xd800) code = 0xe000;
    std::string bytes;
    append_utf8(bytes, code);
    const auto step = detail::utf8_step(bytes, 0);
    if (!step.valid || step.code != code || step.bytes != bytes.size()) {
      BOOST_TEST_REQUIRE(false, "code point " << static_cast<unsigned>(code));
    }
  }
}

BOOST_AUTO_TEST_CASE(wrong_bytes_are_named_by_place) {
  const auto refused = [](const std::string& bytes, const std::string& words) {
    test::check_throws<ValueError>([&] { check_utf8(bytes, "here"); },
                                   {"[here] expected text in UTF-8", words});
  };
  refused("abc\xff", "byte 3 (0xff)");
  refused("\x80", "byte 0 (0x80)");
  refused("a\xc0\xaf", "byte 1 (0xc0)");         // longer than needed
  refused("\xe0\x9f\xbf", "byte 0 (0xe0)");      // longer than needed
  refused("\xf0\x8f\xbf\xbf", "byte 0 (0xf0)");  // longer than needed
  refused("ok\xed\xa0\x80", "byte 2 (0xed)");    // a surrogate
  refused("\xf4\x90\x80\x80", "byte 0 (0xf4)");  // above U+10FFFF
  refused("\xf5\x80\x80\x80", "byte 0 (0xf5)");
  refused("\xc3", "byte 0 (0xc3)");  // cut short
  refused("\xf0\x9f\x98", "byte 0 (0xf0)");
  refused(
      "\xe6\x97"
      "a",
      "byte 0 (0xe6)");
  check_utf8("", "here");
  check_utf8("a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", "here");
}

BOOST_AUTO_TEST_CASE(repair_replaces_what_could_begin_a_character) {
  const std::string mark = "\xef\xbf\xbd";
  BOOST_TEST(repair_utf8("a\xff"
                         "b") == "a" + mark + "b");
  BOOST_TEST(repair_utf8("\xf0\x9f\x98"
                         "b") == mark + "b");
  BOOST_TEST(repair_utf8("\xed\xa0\x80") == mark + mark + mark);
  BOOST_TEST(repair_utf8("\xe6\x97\xa5\xe6") == "\xe6\x97\xa5" + mark);
  BOOST_TEST(repair_utf8("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
