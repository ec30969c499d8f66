/// \file
/// The JSON of safetensors headers, read and written.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/safetensors_text.hpp>

#include "files.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using detail::JsonCursor;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(safetensors_text)

BOOST_AUTO_TEST_CASE(strings) {
  const auto read = [](std::string_view json) { return JsonCursor(json, "F").string(); };
  BOOST_TEST(read(R"("")") == "");
  BOOST_TEST(read(" \t\r\n\"a b\"") == "a b");
  BOOST_TEST(read(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  BOOST_TEST(read(R"("\u0041\u00e9\u20AC\ud83d\uDE00\u0000")") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0"s);
  BOOST_TEST(read("\"\xf0\x9f\x98\x80\x7f\"") == "\xf0\x9f\x98\x80\x7f");

  struct Bad {
    std::string json;
    std::string expected;
    std::string got;
  };
  const std::vector<Bad> cases = {
      {"", "'\"' at byte 0", "got its end"},
      {"a", "'\"' at byte 0", "got 'a'"},
      {"\"abc", "ends a string at byte 4", "got its end"},
      {"\"a\nb\"", "control character to be escaped at byte 2", "got a byte of value 10"},
      {"\"\0\""s, "control character to be escaped at byte 1", "got a byte of value 0"},
      {R"("\x")", "at byte 2", "got 'x'"},
      {"\"\\", "an escape at byte 2", "got its end"},
      {R"("\u12)", "four hexadecimal digits at byte 5", "got its end"},
      {R"("\u12g4")", "four hexadecimal digits at byte 5", "got 'g'"},
      {R"("\ud800")", "both halves of a surrogate pair", ""},
      {R"("\udc00")", "both halves of a surrogate pair", ""},
      {R"("\ud800\u0041")", "the second half of a surrogate pair", ""},
      {R"("\ud800\ud800")", "the second half of a surrogate pair", ""},
  };
  for (const auto& bad : cases)
    check_throws<FileError>([&] { read(bad.json); }, {bad.expected, bad.got, "'F'"});
}

BOOST_AUTO_TEST_CASE(integers) {
  const auto read = [](std::string_view json) { return JsonCursor(json, "F").integer(); };
  BOOST_TEST(read("0") == 0);
  BOOST_TEST(read(" 42,") == 42);
  BOOST_TEST(read("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  for (const auto* bad :
       {"9223372036854775808", "18446744073709551616", "99999999999999999999999999999999999999"}) {
    check_throws<FileError>([&] { read(bad); }, {"an integer below 2^63"});
  }
  for (const auto* bad : {"", "-1", "+1", "a", "\"1\"", "[", ".5"}) {
    check_throws<FileError>([&] { read(bad); }, {"a non-negative integer at byte 0"});
  }
  for (const auto* bad : {"00", "01"}) check_throws<FileError>([&] { read(bad); }, {"leading zeros"});
}

BOOST_AUTO_TEST_CASE(objects_and_arrays) {
  std::vector<std::int64_t> values;
  std::string keys;
  JsonCursor json(R"( { "a" : [ 1 , 2 ] , "b":[],"c":[3]}  )", "F");
  json.object([&](const std::string& key) {
    keys += key;
    json.array([&] { values.push_back(json.integer()); });
  });
  json.end();
  BOOST_TEST(keys == "abc");
  BOOST_TEST(values == (std::vector<std::int64_t>{1, 2, 3}));

  for (const auto* bad : {"[1,]", "[1 2]", "[1", "[", "1", "[1.5]", "[1e3]", "[[1]]", "[1}", "[,1]"}) {
    check_throws<FileError>(
        [&] {
          JsonCursor list(bad, "F");
          list.array([&] { list.integer(); });
        },
        {"[safetensors] expected", "of the header of 'F'"});
  }
  for (const auto* bad : {R"({"a":1,})", R"({"a" 1})", R"({a:1})", R"({"a":1 "b":2})", R"({"a":1)", R"({)",
                          R"({1:1})", R"({"a":1])"}) {
    check_throws<FileError>(
        [&] {
          JsonCursor object(bad, "F");
          object.object([&](const std::string&) { object.integer(); });
        },
        {"[safetensors] expected", "of the header of 'F'"});
  }
  check_throws<FileError>([] { JsonCursor("  x", "F").end(); },
                          {"only blanks after the last '}'", "got 'x'"});
  check_throws<FileError>([] { JsonCursor("\n", "F").end(); }, {"only blanks", "got a byte of value 10"});
}

BOOST_AUTO_TEST_CASE(utf8) {
  for (const auto& good :
       {""s, "a"s, "\x7f"s, "\0"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s,
        "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s}) {
    BOOST_TEST(detail::is_utf8(good), detail::json_string(good));
  }
  // Continuations alone, over-long forms, surrogates, beyond U+10FFFF, cut short, five and six bytes.
  for (const auto& bad : {"\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x9f\xbf"s, "\xed\xa0\x80"s,
                          "\xed\xbf\xbf"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s,
                          "\xc2"s, "\xe2\x82"s, "\xf0\x9f\x98"s, "\xc2\x41"s, "\xe2\x82\x41"s,
                          "\xf8\x88\x80\x80\x80"s, "\xfc\x84\x80\x80\x80\x80"s, "\xfe"s, "\xff"s}) {
    BOOST_TEST(!detail::is_utf8(bad));
  }
}

BOOST_AUTO_TEST_CASE(what_is_written_reads_back) {
  std::string every;
  for (int c = 0; c < 0x80; ++c) every += static_cast<char>(c);
  every += "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  BOOST_TEST(JsonCursor(detail::json_string(every), "F").string() == every);
  BOOST_TEST(detail::json_string("a\"\\\n") == R"("a\"\\\u000a")");
}

BOOST_AUTO_TEST_CASE(names_in_messages_are_short_and_printable) {
  BOOST_TEST(detail::quoted_name("blocks.0\n") == R"("blocks.0\u000a")");
  const std::string cut =
      detail::quoted_name(std::string(199, 'x') + "\xe2\x82\xac" + std::string(1000, 'y'));
  BOOST_TEST(cut == "\"" + std::string(199, 'x') + "\"...");
}

BOOST_AUTO_TEST_SUITE_END()
