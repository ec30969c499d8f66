// SPDX-License-Identifier: MIT
#include <string>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <pixnerd/core/error.hpp>

BOOST_AUTO_TEST_SUITE(error)

BOOST_AUTO_TEST_CASE(messages_follow_one_grammar) {
  try {
    pixnerd::raise<pixnerd::ShapeError>("linear", "8 input features", "(2, 3, 7)");
  } catch (const pixnerd::ShapeError& caught) {
    BOOST_TEST(std::string(caught.what()) == "[linear] expected 8 input features, got (2, 3, 7)");
    return;
  }
  BOOST_TEST(false, "raise<ShapeError> did not throw a ShapeError");
}

BOOST_AUTO_TEST_CASE(every_kind_is_thrown_as_itself_and_caught_as_error) {
  BOOST_CHECK_THROW(pixnerd::raise<pixnerd::ValueError>("a", "b", "c"), pixnerd::ValueError);
  BOOST_CHECK_THROW(pixnerd::raise<pixnerd::FileError>("a", "b", "c"), pixnerd::FileError);
  BOOST_CHECK_THROW(pixnerd::raise<pixnerd::NonFiniteError>("a", "b", "c"), pixnerd::Error);
  BOOST_CHECK_THROW(pixnerd::raise<pixnerd::ShapeError>("a", "b", "c"), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(kinds_are_distinct) {
  BOOST_TEST((!std::is_base_of_v<pixnerd::ShapeError, pixnerd::ValueError>));
  BOOST_TEST((!std::is_base_of_v<pixnerd::ValueError, pixnerd::FileError>));
}

BOOST_AUTO_TEST_SUITE_END()
