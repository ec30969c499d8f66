// SPDX-License-Identifier: MIT
/// \file
/// How byte-level vocabularies spell bytes.
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

#include <pixnerd/text/byte_symbols.hpp>

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(byte_symbols)

BOOST_AUTO_TEST_CASE(every_byte_has_its_own) {
  std::set<char32_t> seen;
  for (int byte = 0; byte < 256; ++byte) {
    const auto symbol = detail::byte_symbols[static_cast<std::size_t>(byte)];
    BOOST_TEST(seen.insert(symbol).second);
    std::string spelling;
    append_utf8(spelling, symbol);
    BOOST_TEST(detail::bytes_of_token(spelling) == std::string(1, static_cast<char>(byte)));
  }
  BOOST_TEST((detail::byte_symbols['A'] == U'A'));
  BOOST_TEST(static_cast<unsigned>(detail::byte_symbols[' ']) == 0x120u);
  BOOST_TEST(static_cast<unsigned>(detail::byte_symbols[0xad]) == 0x143u);
}

BOOST_AUTO_TEST_CASE(other_spellings_stand_for_themselves) {
  BOOST_TEST(detail::bytes_of_token("\u0120the") == " the");
  BOOST_TEST(detail::bytes_of_token("a b") == "a b");
  BOOST_TEST(detail::bytes_of_token("\u65e5") == "\u65e5");
}

BOOST_AUTO_TEST_SUITE_END()
