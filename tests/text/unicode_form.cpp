// SPDX-License-Identifier: MIT
/// \file
/// Normalization form C.
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/text/unicode_form.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(unicode_form)

BOOST_AUTO_TEST_CASE(letters_and_marks) {
  BOOST_TEST(normalize_nfc("") == "");
  BOOST_TEST(normalize_nfc("plain, caf\u00e9") == "plain, caf\u00e9");
  BOOST_TEST(normalize_nfc("cafe\u0301") == "caf\u00e9");
  BOOST_TEST(normalize_nfc("\u212b") == "\u00c5");                // the sign of the unit is the letter
  BOOST_TEST(normalize_nfc("q\u0307\u0323") == "q\u0323\u0307");  // marks in their order
  BOOST_TEST(normalize_nfc("e\u0327\u0301") == "\u0229\u0301");
  BOOST_TEST(normalize_nfc("\u0958") == "\u0915\u093c");        // never composed
  BOOST_TEST(normalize_nfc("\u1112\u1161\u11ab") == "\ud55c");  // Hangul
  BOOST_TEST(normalize_nfc("\U0001d15e") == "\U0001d157\U0001d165");
  BOOST_TEST(normalize_nfc("\u0301a") == "\u0301a");  // a mark with nothing before it
}

// One exchange at a time this would take hours.
BOOST_AUTO_TEST_CASE(a_million_marks_are_ordered_in_no_time) {
  std::string marks, ordered;
  for (int i = 0; i < 250'000; ++i) marks += "\u0301\u0316";
  for (int i = 0; i < 250'000; ++i) ordered += "\u0316";
  for (int i = 0; i < 250'000; ++i) ordered += "\u0301";
  BOOST_TEST((normalize_nfc(marks) == ordered));
}

BOOST_AUTO_TEST_SUITE_END()
