// SPDX-License-Identifier: MIT
/// \file
/// The JSON of safetensors headers, read and written.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/safetensors/header_json.hpp>

#include "support/files.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using test::check_throws;

BOOST_AUTO_TEST_SUITE(safetensors_json)

namespace {

TensorDirectory parse(std::string_view json, std::uint64_t data_bytes = 0) {
  return detail::parse_safetensors_header(json, data_bytes, "F");
}

/// Reads a string of JSON, quotes included, as a name of a tensor, as a key and as a value of the metadata.
std::string read_string(const std::string& json) {
  const auto header = parse("{\"__metadata__\":{" + json + ":" + json + "},\"-" + json.substr(1) +
                            R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
  BOOST_TEST(header.metadata.size() == 1);
  BOOST_TEST(header.metadata.begin()->first == header.metadata.begin()->second);
  BOOST_TEST(header.entries.at(0).name == "-" + header.metadata.begin()->first);
  return header.metadata.begin()->second;
}

/// Reads a number of JSON as the size of a tensor of bytes.
std::int64_t read_size(const std::string& json, const std::string& bytes) {
  const auto header =
      parse(R"({"x":{"dtype":"U8","shape":[)" + json + R"(],"data_offsets":[0,)" + bytes + "]}}",
            std::stoull(bytes));
  return header.entries.at(0).shape[0];
}

}  // namespace

BOOST_AUTO_TEST_CASE(strings) {
  BOOST_TEST(read_string(R"("")") == "");
  BOOST_TEST(read_string(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  BOOST_TEST(read_string(R"("\u0041\u00e9\u20AC\ud83d\uDE00\u0000")") ==
             "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0"s);
  BOOST_TEST(read_string("\"\xf0\x9f\x98\x80\x7f\"") == "\xf0\x9f\x98\x80\x7f");

  for (const auto& bad : {"\"a\nb\""s, "\"\x1f\""s, R"("\x")"s, R"("\u12")"s, R"("\u12g4")"s, R"("\ud800")"s,
                          R"("\udc00")"s, R"("\ud800\u0041")"s, R"("\ud800\ud800")"s, "'a'"s, "a"s}) {
    check_throws<FileError>(
        [&] { parse("{\"__metadata__\":{\"a\":" + bad + "}}"); },
        {"[safetensors] expected JSON in the metadata of 'F', got a parse error at line "});
  }
}

BOOST_AUTO_TEST_CASE(utf8) {
  for (const auto& good : {"a"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s,
                           "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s}) {
    BOOST_TEST(read_string("\"" + good + "\"") == good);
    BOOST_TEST(detail::format_safetensors_header({}, {{good, ""}}, "F").find("\"" + good + "\"") !=
               std::string::npos);
  }
  // Continuations alone, over-long forms, surrogates, beyond U+10FFFF, cut short, five and six bytes.
  for (const auto& bad : {"\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x9f\xbf"s, "\xed\xa0\x80"s,
                          "\xed\xbf\xbf"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s,
                          "\xc2"s, "\xe2\x82"s, "\xf0\x9f\x98"s, "\xc2\x41"s, "\xe2\x82\x41"s,
                          "\xf8\x88\x80\x80\x80"s, "\xfc\x84\x80\x80\x80\x80"s, "\xfe"s, "\xff"s}) {
    check_throws<FileError>([&] { parse("{\"" + bad + "\":{}}"); },
                            {"JSON in the header of 'F'", "invalid string: ill-formed UTF-8 byte"});
    check_throws<FileError>([&] { parse("{\"__metadata__\":{\"a\":\"" + bad + "\"}}"); },
                            {"JSON in the metadata of 'F'", "invalid string: ill-formed UTF-8 byte"});
    check_throws<ValueError>(
        [&] {
          detail::format_safetensors_header({}, {{bad, ""}}, "F");
        },
        {"[write safetensors] expected metadata in UTF-8 for 'F'", "\xef\xbf\xbd"});
    check_throws<ValueError>(
        [&] {
          detail::format_safetensors_header({}, {{"a", bad}}, "F");
        },
        {"metadata in UTF-8 for 'F'"});
    check_throws<ValueError>(
        [&] {
          detail::format_safetensors_header({{bad, TensorType::u8, {0}}}, {}, "F");
        },
        {"names in UTF-8 for 'F'"});
  }
}

BOOST_AUTO_TEST_CASE(integers) {
  BOOST_TEST(read_size("0", "0") == 0);
  BOOST_TEST(read_size(" 42\n", "42") == 42);
  BOOST_TEST(read_size("9223372036854775807", "9223372036854775807") ==
             std::numeric_limits<std::int64_t>::max());
  for (const auto* bad : {"9223372036854775808",
                          "18446744073709551615",
                          "18446744073709551616",
                          "99999999999999999999999999999",
                          "-1",
                          "-0",
                          "-9223372036854775808",
                          "-9223372036854775809",
                          "0.0",
                          "1.5",
                          "1e0",
                          "1E-2",
                          "0e9",
                          "null",
                          "true",
                          "false",
                          "\"1\"",
                          "[",
                          "{",
                          "[]",
                          "{}"}) {
    check_throws<FileError>(
        [&] { read_size(bad, "1"); },
        {"[safetensors] expected non-negative integers below 2^63 as \"shape\" for tensor "
         "\"x\" of 'F', got "});
  }
  for (const auto& bad : {"00"s, "01"s, "1 2"s, "+1"s, ".5"s, "1."s, "1e"s, "-"s, "0x1"s, "1,"s, ",1"s, "a"s,
                          "nul"s, "NaN"s, "1e999"s, std::string(400, '9'), "1}"s, ""s + '\xff', "1//"s}) {
    check_throws<FileError>([&] { read_size(bad, "1"); },
                            {"[safetensors] expected JSON for tensor \"x\" of 'F', got a "});
  }
}

BOOST_AUTO_TEST_CASE(white_space) {
  const auto header = parse(
      "{ \t\r\n\"__metadata__\" : { \"a\"\n:\t\"b\" }\r, \"x\":{\"dtype\":\"U8\" , \"shape\" : [ 1 , 2 ] "
      ",\"data_offsets\":[0,2]\n}}   ",
      2);
  BOOST_TEST(header.metadata.at("a") == "b");
  BOOST_TEST((header.entries.at(0).shape == Shape{1, 2}));
}

BOOST_AUTO_TEST_CASE(line_breaks_without_end) {
  const auto object = [](const std::string& space) {
    return "{" + space + "\"__metadata__\":{}" + space + "}";
  };
  std::string breaks;
  for (int i = 0; i < 1024; ++i) breaks += "\n \t\r\n";
  BOOST_CHECK_NO_THROW(parse(object(breaks)));
  BOOST_CHECK_NO_THROW(parse(object(std::string(100'000, ' '))));
  BOOST_CHECK_NO_THROW(parse(object("") + std::string(100'000, ' ')));
  for (const auto& bad : {breaks + '\r', breaks + "    \n", std::string(90'000'000, '\n')}) {
    check_throws<FileError>(
        [&] { parse(object(bad)); },
        {"a header that has at most 4096 line breaks and tabs in a row in 'F'", "got more"});
  }
}

BOOST_AUTO_TEST_CASE(nesting_is_refused_where_it_begins) {
  const std::string arrays(1'000'000, '[');
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  for (const auto* before : {"{\"x\":", R"({"x":{"shape":)", R"({"x":{"dtype":)", R"({"__metadata__":)",
                             R"({"__metadata__":{"a":)"}) {
    check_throws<FileError>([&] { parse(before + arrays + "}"); }, {"'F', got an array"});
    check_throws<FileError>([&] { parse(before + objects + "}"); }, {"'F', got "});
  }
}

BOOST_AUTO_TEST_CASE(messages_are_short_and_printable) {
  const std::string control = "\x1b[31m\x01";
  for (const auto& bad : {
           "{\"x\":{\"dtype\":\"" + std::string(100'000, 'y') + "\n\"}}",
           "{\"x\":{\"dtype\":" + std::string(100'000, '1') + "}}",
           "{\"x\":{\"shape\":[" + std::string(100'000, '1') + "]}}",
           "{\"x\":{\"shape\":[1." + std::string(100'000, '1') + "]}}",
           "{\"x\":{\"shape\":\"" + std::string(100'000, 'y') + "\"}}",
           "{\"x\":{\"" + std::string(100'000, 'y') + "\":1}}",
           "{\"x\":{\"dtype\":\"" + control + "\"}}",
           "{\"x\":{" + control + "}}",
           "{\"x\":\xff\xfe}"s,
       }) {
    try {
      parse(bad);
      BOOST_ERROR("nothing was thrown");
    } catch (const FileError& error) {
      const std::string message = error.what();
      BOOST_TEST_MESSAGE(message);
      BOOST_TEST(message.size() < 500);
      for (const char c : message) BOOST_TEST_REQUIRE((c >= ' ' && c <= '~'), message);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_written_reads_back) {
  std::string every;
  for (int c = 0; c < 0x80; ++c) every += static_cast<char>(c);
  every += "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  const std::string bytes =
      detail::format_safetensors_header({{every, TensorType::f32, {2, 0}}}, {{every, every}}, "F");
  const auto header = parse(std::string_view(bytes).substr(8));
  BOOST_TEST(header.metadata.at(every) == every);
  BOOST_TEST(header.entries.at(0).name == every);
  BOOST_TEST((header.entries.at(0).shape == Shape{2, 0}));
}

BOOST_AUTO_TEST_CASE(names_in_messages) {
  BOOST_TEST(detail::quoted_name("blocks.0\n\x1b\"") == R"("blocks.0\n\u001b\"")");
  BOOST_TEST(detail::quoted_name("a\xff") == "\"a\xef\xbf\xbd\"");
  BOOST_TEST(detail::quoted_name(std::string(200, 'x')) == "\"" + std::string(200, 'x') + "\"");
  const std::string cut =
      detail::quoted_name(std::string(199, 'x') + "\xe2\x82\xac" + std::string(1000, 'y'));
  BOOST_TEST(cut == "\"" + std::string(199, 'x') + "\"...");
}

BOOST_AUTO_TEST_SUITE_END()
