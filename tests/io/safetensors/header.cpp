// SPDX-License-Identifier: MIT
/// \file
/// Files that are almost safetensors: each is refused with a sentence that names it.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>

#include "support/files.hpp"
#include "support/safetensors_tools.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using test::check_throws;
using test::Folder;
using test::safetensors_text;

BOOST_AUTO_TEST_SUITE(safetensors_header)

namespace {

struct Malformed {
  std::string bytes;
  std::vector<std::string> words;
};

/// A header with the tensor "x" of that value, and eight bytes of data.
std::string one_tensor(const std::string& value) {
  return safetensors_text("{\"x\":" + value + "}", "12345678");
}

/// The same from its parts.
std::string one_tensor(const std::string& type, const std::string& shape, const std::string& offsets) {
  return one_tensor("{\"dtype\":" + type + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}");
}

/// A header with a U8 tensor for each [begin, end) and `bytes` bytes of data.
std::string places(const std::vector<std::pair<int, int>>& ranges, std::size_t bytes) {
  std::string json = "{";
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    json += str_cat(i == 0 ? "" : ",", "\"t", i, "\":{\"dtype\":\"U8\",\"shape\":[",
                    ranges[i].second - ranges[i].first, "],\"data_offsets\":[", ranges[i].first, ",",
                    ranges[i].second, "]}");
  }
  return safetensors_text(json + "}", std::string(bytes, 'd'));
}

void check_refused(const std::vector<Malformed>& files) {
  const Folder folder;
  const std::string path = folder / "bad.safetensors";
  for (const auto& file : files) {
    write_file_atomic(path, std::string_view(file.bytes));
    auto words = file.words;
    words.push_back("'" + path + "'");
    check_throws<FileError>([&] { SafetensorsFile{path}; }, words);
  }
}

const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";

}  // namespace

BOOST_AUTO_TEST_CASE(the_twins_of_the_refused_load) {
  const Folder folder;
  const std::string path = folder / "good.safetensors";
  for (const auto& bytes : {
           safetensors_text("{}"),
           safetensors_text("{}   "),
           safetensors_text(R"({"__metadata__":{}})"),
           safetensors_text("{ \"__metadata__\" : { \"a\" : \"b\" } }"),
           one_tensor(good),
           one_tensor("\"F32\"", "[2]", "[0,8]"),
           one_tensor("\"F32\"", "[1,1,1,1,1,1,1,2]", "[0,8]"),
           one_tensor("\"F64\"", "[]", "[0,8]"),
           places({{0, 4}, {4, 8}}, 8),
           places({{4, 8}, {0, 4}}, 8),
           places({{0, 0}, {0, 4}, {4, 4}, {4, 8}, {8, 8}}, 8),
           places({{4, 4}, {4, 8}, {0, 0}, {0, 4}, {8, 8}}, 8),
       }) {
    write_file_atomic(path, std::string_view(bytes));
    BOOST_CHECK_NO_THROW(SafetensorsFile{path});
  }
}

BOOST_AUTO_TEST_CASE(length) {
  check_refused({
      {"", {"at least 8 bytes", "got 0"}},
      {"\x02\0\0\0\0\0\0"s, {"at least 8 bytes", "got 7"}},
      {"\0\0\0\0\0\0\0\0"s, {"begins with '{'", "got an empty one"}},
      {"\x02\0\0\0\0\0\0\0"s, {"a header of at most 0 bytes", "got 2"}},
      {"\x03\0\0\0\0\0\0\0{}"s, {"a header of at most 2 bytes", "got 3"}},
      {"\xff\xff\xff\xff\xff\xff\xff\xff{}"s, {"a header of at most 2 bytes", "got 18446744073709551615"}},
      {"\0\0\0\0\0\0\0\x80{}"s, {"a header of at most 2 bytes", "got 9223372036854775808"}},
      {"\x01\0\0\0\0\0\0\0{}"s, {"ends with '}'"}},
      {"PK\x03\x04 this is another kind of file", {"a header of at most"}},
  });
}

BOOST_AUTO_TEST_CASE(json) {
  check_refused({
      {safetensors_text(" {}"), {"begins with '{'", "another byte"}},
      {safetensors_text("\xef\xbb\xbf{}"), {"begins with '{'"}},
      {safetensors_text("[]"), {"begins with '{'"}},
      {safetensors_text("null"), {"begins with '{'"}},
      {safetensors_text("{\xff}"), {"JSON in the header", "invalid literal"}},
      {safetensors_text("{\"\xc0\x80\":1}"), {"JSON in the header", "ill-formed UTF-8"}},
      {safetensors_text("{}\0"s), {"ends with '}' and blanks", "another byte"}},
      {safetensors_text("{}\0}"s), {"is JSON", "a byte of value 0"}},
      {safetensors_text("{\0}"s), {"is JSON", "a byte of value 0"}},
      {safetensors_text("{\"x\":" + good + "\0}"s, "12345678"), {"is JSON", "a byte of value 0"}},
      {safetensors_text("{}\n"), {"ends with '}' and blanks"}},
      {safetensors_text("{}\xef\xbb\xbf"), {"ends with '}' and blanks"}},
      {safetensors_text("{} // comment"), {"ends with '}' and blanks"}},
      {safetensors_text("{}{}"), {"JSON in the header", "unexpected '{'; expected end of input"}},
      {safetensors_text("{} {}  "), {"JSON in the header", "unexpected '{'; expected end of input"}},
      {safetensors_text("{}}"), {"JSON in the header", "unexpected '}'; expected end of input"}},
      {safetensors_text("{/* comment */}"), {"JSON in the header", "invalid literal"}},
      {safetensors_text("{"), {"ends with '}'"}},
      {safetensors_text("{,}"), {"JSON in the header", "line 1, column 2", "unexpected ','"}},
      {safetensors_text("{\"x\"}"), {"JSON for tensor \"x\"", "column 5", "unexpected '}'; expected ':'"}},
      {safetensors_text("{\"x\":}"), {"JSON for tensor \"x\"", "column 6", "unexpected '}'"}},
      {safetensors_text("{'x':{}}"), {"JSON in the header", "object key - invalid literal"}},
      {safetensors_text("{1:{}}"), {"JSON in the header", "unexpected number literal"}},
      {safetensors_text("{\"x\":" + good + ",}", "12345678"), {"JSON in the header", "unexpected '}'"}},
      {safetensors_text("{\"x\":" + good, "12345678"), {"JSON in the header", "unexpected end of input"}},
      {safetensors_text("{\"x\":" + good + " \"y\":" + good + "}", "12345678"),
       {"JSON in the header", "unexpected string literal; expected '}'"}},
      {safetensors_text("{\"x\":" + std::string(100'000, '[') + "}"),
       {"an object for tensor \"x\"", "got an array"}},
      {safetensors_text("{\"x\":" + std::string(100'000, '{') + "}"),
       {"JSON for tensor \"x\"", "unexpected '{'"}},
      {safetensors_text("{\"x\":{\"shape\":" + std::string(3'000'000, '[') + "}"),
       {"non-negative integers", "got an array"}},
  });
}

BOOST_AUTO_TEST_CASE(metadata) {
  check_refused({
      {safetensors_text(R"({"__metadata__":null})"), {"an object in the metadata", "got null"}},
      {safetensors_text(R"({"__metadata__":[]})"), {"an object in the metadata", "got an array"}},
      {safetensors_text(R"({"__metadata__":"a"})"), {"an object in the metadata", "got the string \"a\""}},
      {safetensors_text(R"({"__metadata__":{"a":1}})"), {"a string as \"a\" in the metadata", "got 1"}},
      {safetensors_text(R"({"__metadata__":{"a":null}})"), {"a string as \"a\" in the metadata", "got null"}},
      {safetensors_text(R"({"__metadata__":{"a":{}}})"),
       {"a string as \"a\" in the metadata", "got an object"}},
      {safetensors_text(R"({"__metadata__":{"a":["b"]}})"),
       {"a string as \"a\" in the metadata", "got an array"}},
      {safetensors_text(R"({"__metadata__":{"a":"1","a":"2"}})"),
       {"one value of each key in the metadata", "two \"a\""}},
      {safetensors_text(R"({"__metadata__":{"a":"1","\u0061":"2"}})"),
       {"one value of each key in the metadata", "two \"a\""}},
      {safetensors_text(R"({"__metadata__":{},"__metadata__":{}})"), {"one \"__metadata__\"", "two"}},
      {safetensors_text(R"({"__metadata__":{"a":"\ud800"}})"), {"JSON in the metadata", "surrogate"}},
  });
}

BOOST_AUTO_TEST_CASE(fields) {
  check_refused({
      {one_tensor("{}"), {"a \"dtype\" for tensor \"x\"", "none"}},
      {one_tensor("null"), {"an object for tensor \"x\"", "got null"}},
      {one_tensor("[]"), {"an object for tensor \"x\"", "got an array"}},
      {one_tensor("\"F32\""), {"an object for tensor \"x\"", "got the string \"F32\""}},
      {one_tensor(R"({"shape":[2],"data_offsets":[0,8]})"), {"a \"dtype\" for tensor \"x\"", "none"}},
      {one_tensor(R"({"dtype":"F32","data_offsets":[0,8]})"), {"a \"shape\" for tensor \"x\"", "none"}},
      {one_tensor(R"({"dtype":"F32","shape":[2]})"), {"\"data_offsets\" for tensor \"x\"", "none"}},
      {one_tensor(R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
       {"one \"dtype\" for tensor \"x\"", "two"}},
      {one_tensor(R"({"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]})"),
       {"one \"shape\" for tensor \"x\"", "two"}},
      {one_tensor(R"({"dtype":"F32","shape":[],"shape":[2],"data_offsets":[0,8]})"),
       {"one \"shape\" for tensor \"x\"", "two"}},
      {one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]})"),
       {"one \"data_offsets\" for tensor \"x\"", "two"}},
      {one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"stride":[1]})"),
       {"only \"dtype\", \"shape\" and \"data_offsets\" for tensor \"x\"", "\"stride\""}},
      {safetensors_text("{\"x\":" + good + ",\"x\":" + good + "}", "12345678"),
       {"one tensor of each name", "two \"x\""}},
      {safetensors_text("{\"x\":" + good + ",\"\\u0078\":" + good + "}", "12345678"),
       {"one tensor of each name", "two \"x\""}},
  });
}

BOOST_AUTO_TEST_CASE(types_and_shapes) {
  check_refused({
      {one_tensor("\"F8\"", "[8]", "[0,8]"), {"a dtype of F64, F32", "tensor \"x\"", "\"F8\""}},
      {one_tensor("\"f32\"", "[2]", "[0,8]"), {"a dtype of", "\"f32\""}},
      {one_tensor("\"\"", "[2]", "[0,8]"), {"a dtype of", "\"\""}},
      {one_tensor("\"F32\\u0000\"", "[2]", "[0,8]"), {"a dtype of", "\"F32\\u0000\""}},
      {one_tensor("32", "[2]", "[0,8]"), {"a string as \"dtype\" for tensor \"x\"", "got 32"}},
      {one_tensor("[]", "[2]", "[0,8]"), {"a string as \"dtype\" for tensor \"x\"", "got an array"}},
      {one_tensor("\"F32\"", "2", "[0,8]"), {"an array as \"shape\" for tensor \"x\"", "got 2"}},
      {one_tensor("\"F32\"", "[\"2\"]", "[0,8]"),
       {"non-negative integers below 2^63 as \"shape\" for tensor \"x\"", "got the string \"2\""}},
      {one_tensor("\"F32\"", "[-2]", "[0,8]"), {"non-negative integers", "got -2"}},
      {one_tensor("\"F32\"", "[2.0]", "[0,8]"), {"non-negative integers", "got 2.0"}},
      {one_tensor("\"F32\"", "[2e0]", "[0,8]"), {"non-negative integers", "got 2e0"}},
      {one_tensor("\"F32\"", "[02]", "[0,8]"),
       {"JSON for tensor \"x\"", "unexpected number literal; expected ']'"}},
      {one_tensor("\"F32\"", "[null]", "[0,8]"), {"non-negative integers", "got null"}},
      {one_tensor("\"F32\"", "[[2]]", "[0,8]"), {"non-negative integers", "got an array"}},
      {one_tensor("\"F32\"", "[2,]", "[0,8]"), {"JSON for tensor \"x\"", "unexpected ']'"}},
      {one_tensor("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"),
       {"at most 8 numbers in \"shape\" for tensor \"x\"", "more"}},
      {one_tensor("\"F32\"", "[9223372036854775808]", "[0,8]"), {"integers below 2^63"}},
      // Products that overflow, one of them to just the bytes there are; the zero of the last two hides it.
      {one_tensor("\"F32\"", "[9223372036854775807]", "[0,8]"), {"fewer than 2^63 bytes for tensor \"x\""}},
      {one_tensor("\"F32\"", "[4611686018427387906]", "[0,8]"), {"fewer than 2^63 bytes for tensor \"x\""}},
      {one_tensor("\"U8\"", "[4294967296,4294967296]", "[0,8]"), {"fewer than 2^63 bytes for tensor \"x\""}},
      {one_tensor("\"U8\"", "[4294967296,4294967296,0]", "[0,0]"),
       {"fewer than 2^63 bytes for tensor \"x\""}},
      {one_tensor("\"U8\"", "[0,4294967296,4294967296]", "[0,0]"),
       {"fewer than 2^63 bytes for tensor \"x\""}},
  });
}

BOOST_AUTO_TEST_CASE(offsets) {
  check_refused({
      {one_tensor("\"F32\"", "[2]", "[]"), {"two \"data_offsets\" for tensor \"x\"", "got 0"}},
      {one_tensor("\"F32\"", "[2]", "[8]"), {"two \"data_offsets\" for tensor \"x\"", "got 1"}},
      {one_tensor("\"F32\"", "[2]", "[0,8,8]"), {"at most 2 numbers in \"data_offsets\" for tensor \"x\""}},
      {one_tensor("\"F32\"", "[2]", "{}"),
       {"an array as \"data_offsets\" for tensor \"x\"", "got an object"}},
      {one_tensor("\"F32\"", "[2]", "[0,-8]"), {"non-negative integers", "got -8"}},
      {one_tensor("\"F32\"", "[2]", "[0,8.5]"), {"non-negative integers", "got 8.5"}},
      {one_tensor("\"F32\"", "[2]", "[8,0]"),
       {"data_offsets 8 bytes apart (F32 (2)) for tensor \"x\"", "[8, 0]"}},
      {one_tensor("\"F32\"", "[2]", "[0,7]"), {"data_offsets 8 bytes apart", "[0, 7]"}},
      {one_tensor("\"F32\"", "[3]", "[0,8]"), {"data_offsets 12 bytes apart (F32 (3))", "[0, 8]"}},
      {one_tensor("\"F64\"", "[2]", "[0,8]"), {"data_offsets 16 bytes apart", "[0, 8]"}},
      {one_tensor("\"F32\"", "[0]", "[0,8]"), {"data_offsets 0 bytes apart", "[0, 8]"}},
      {one_tensor("\"F32\"", "[]", "[0,8]"), {"data_offsets 4 bytes apart (F32 ())", "[0, 8]"}},
      {one_tensor("\"F32\"", "[2]", "[9223372036854775800,9223372036854775808]"), {"integers below 2^63"}},
      {one_tensor("\"F32\"", "[2]", "[9223372036854775799,9223372036854775807]"),
       {"\"x\" (F32 (2))", "to begin at byte 0", "byte 9223372036854775799, a gap"}},
      {one_tensor("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]"),
       {"9223372036854775807 bytes of tensor data", "got 8"}},
      {places({{0, 8}}, 7), {"8 bytes of tensor data", "got 7"}},
      {places({{0, 8}}, 9), {"8 bytes of tensor data", "got 9"}},
      {places({}, 1), {"0 bytes of tensor data", "got 1"}},
      {places({{1, 8}}, 8), {"\"t0\" (U8 (7))", "to begin at byte 0", "byte 1, a gap"}},
      {places({{0, 4}, {5, 8}}, 8), {"\"t1\"", "to begin at byte 4", "byte 5, a gap"}},
      {places({{0, 4}, {3, 8}}, 8), {"\"t1\"", "to begin at byte 4", "byte 3, an overlap"}},
      {places({{0, 8}, {0, 8}}, 8), {"to begin at byte 8", "byte 0, an overlap"}},
      {places({{0, 8}, {0, 8}}, 16), {"to begin at byte 8", "byte 0, an overlap"}},
      {places({{0, 8}, {2, 2}}, 8), {"\"t1\" (U8 (0))", "byte 2, an overlap"}},
      {places({{0, 4}, {4, 8}, {9, 9}}, 8), {"\"t2\" (U8 (0))", "to begin at byte 8", "byte 9, a gap"}},
      {places({{4, 8}, {0, 5}}, 9), {"\"t0\"", "to begin at byte 5", "byte 4, an overlap"}},
  });
}

BOOST_AUTO_TEST_SUITE_END()
