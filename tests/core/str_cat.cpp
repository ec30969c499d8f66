// SPDX-License-Identifier: MIT
#include <limits>
#include <string>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/str_cat.hpp>

BOOST_AUTO_TEST_SUITE(text_test)

BOOST_AUTO_TEST_CASE(joins_every_kind_of_piece) {
  const std::string name = "weight";
  BOOST_TEST(pixnerd::str_cat("step ", 12, " of ", 40u, ": ", name, ' ', true, '/', false) ==
             "step 12 of 40: weight true/false");
}

BOOST_AUTO_TEST_CASE(of_nothing_is_empty) {
  BOOST_TEST(pixnerd::str_cat().empty());
}

BOOST_AUTO_TEST_CASE(writes_the_extremes_of_integers) {
  BOOST_TEST(pixnerd::str_cat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  BOOST_TEST(pixnerd::str_cat(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

BOOST_AUTO_TEST_CASE(writes_floats_so_that_they_read_back) {
  BOOST_TEST(pixnerd::str_cat(0.1f) == "0.1");
  BOOST_TEST(pixnerd::str_cat(1.0) == "1");
  for (const double value : {1.0 / 3, -2.5e-300, std::numeric_limits<double>::max()})
    BOOST_TEST(std::stod(pixnerd::str_cat(value)) == value);
  BOOST_TEST(pixnerd::str_cat(std::numeric_limits<float>::infinity()) == "inf");
}

BOOST_AUTO_TEST_SUITE_END()
