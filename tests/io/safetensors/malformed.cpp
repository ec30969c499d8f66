// SPDX-License-Identifier: MIT
/// \file
/// Safetensors files that want to do harm: each is refused soon and with little memory. More of small ones,
/// with all their words, are in safetensors_header.cpp.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/safetensors/writer.hpp>

#include "support/hostile.hpp"
#include "support/safetensors_tools.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using test::Defect;
using test::safetensors_text;

BOOST_AUTO_TEST_SUITE(malformed_safetensors)

namespace {

void read_all(const std::string& path) {
  const SafetensorsFile file(path);
  for (const auto& entry : file.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(entry, bytes);
  }
}

std::string tensor(const std::string& name, const std::string& type, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":" + type + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

/// A file with the one tensor "x" and eight bytes of data.
std::string one(const std::string& type, const std::string& shape, const std::string& offsets) {
  return safetensors_text("{" + tensor("x", type, shape, offsets) + "}", "12345678");
}

std::string times(std::size_t count, const std::string& part) {
  std::string out;
  out.reserve(count * part.size());
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

/// A header with that many tensors of no bytes, whose names have `length` characters at least.
std::string many_tensors(std::size_t count, std::size_t length) {
  std::string json = "{";
  for (std::size_t i = 0; i < count; ++i) {
    std::string name = std::to_string(i);
    if (name.size() < length) name.resize(length, 'n');
    json += (i == 0 ? "" : ",") + tensor(name, "\"U8\"", "[0]", "[0,0]");
  }
  return safetensors_text(json + "}");
}

std::string many_keys(std::size_t count) {
  std::string json = "{\"__metadata__\":{";
  for (std::size_t i = 0; i < count; ++i) json += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  return safetensors_text(json + "}}");
}

/// A valid file of about 4 KB with tensors of several types.
std::string valid_file() {
  std::string json = "{\"__metadata__\":{\"format\":\"pt\",\"config\":\"{\\\"width\\\": 8}\"}", data;
  const char* types[] = {"F32", "BF16", "I64", "U8", "F64"};
  const std::size_t widths[] = {4, 2, 8, 1, 8};
  for (std::size_t i = 0; i < 20; ++i) {
    const std::size_t elements = 6 * (1 + i % 7), begin = data.size();
    for (std::size_t k = 0; k < elements * widths[i % 5]; ++k) data += static_cast<char>(k * 37 + i);
    json += "," + tensor("blocks." + std::to_string(i) + ".weight", "\"" + std::string(types[i % 5]) + "\"",
                         "[" + std::to_string(elements / 6) + ",2,3]",
                         "[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]");
  }
  return safetensors_text(json + "}", data);
}

}  // namespace

BOOST_AUTO_TEST_CASE(lengths_and_text) {
  test::check_refused(
      {
          {"nothing", "", "at least 8 bytes"},
          {"a length cut short", "\1\0\0\0\0\0\0"s, "at least 8 bytes"},
          {"no header", "\0\0\0\0\0\0\0\0"s, "an empty one"},
          {"a header of 2^64 - 1 bytes", "\xff\xff\xff\xff\xff\xff\xff\xff{}", "got 18446744073709551615"},
          {"a header of 2^64 - 8 bytes", "\xf8\xff\xff\xff\xff\xff\xff\xff{}", "got 18446744073709551608"},
          {"a header of 2^63 bytes", "\0\0\0\0\0\0\0\x80{}"s, "got 9223372036854775808"},
          {"a header of 4 GB", "\0\0\0\0\1\0\0\0{}"s, "got 4294967296"},
          {"a header one byte longer than the file", "\3\0\0\0\0\0\0\0{}"s, "at most 2 bytes"},
          {"a length in the other byte order", "\0\0\0\0\0\0\0\2{}"s, "at most 2 bytes"},
          {"a header of blanks", safetensors_text(std::string(1000, ' ')), "begins with '{'"},
          {"a blank before it", safetensors_text(" {}"), "begins with '{'"},
          {"a byte order mark", safetensors_text("\xef\xbb\xbf{}"), "begins with '{'"},
          {"UTF-16", safetensors_text("{\0}\0"s), "ends with '}'"},
          {"a zero inside", safetensors_text("{\0}"s), "a byte of value 0"},
          {"an array", safetensors_text("[{}]"), "begins with '{'"},
          {"two objects", safetensors_text("{}{}"), "expected end of input"},
          {"a comment", safetensors_text("{/**/}"), "invalid literal"},
          {"NaN", one("\"F32\"", "[NaN]", "[0,8]"), "invalid literal"},
          {"an unpaired surrogate", safetensors_text(R"({"\ud800":{}})"), "surrogate"},
          {"bytes that are not UTF-8", safetensors_text("{\"\xff\":{}}"), "ill-formed UTF-8"},
          {"a line break in a name", safetensors_text("{\"a\nb\":{}}"), "control character"},
          {"an unknown escape", safetensors_text(R"({"\q":{}})"), "forbidden character"},
          {"a zip file", "PK\3\4" + std::string(100, 'z'), "a header of at most"},
          {"a pickle", "\x80\2}q\0." + std::string(100, 'p'), "a header of at most"},
      },
      "bad.safetensors", read_all);
}

BOOST_AUTO_TEST_CASE(tensors) {
  std::vector<Defect> defects;
  for (const std::string type :
       {"F8", "F8_E4M3", "F128", "C64", "U16", "U32", "U64", "f32", "F32 ", "", "F"}) {
    defects.push_back({"dtype " + type, one("\"" + type + "\"", "[2]", "[0,8]"), "a dtype of"});
  }
  for (const std::string type : {"null", "4", "[\"F32\"]", "{}", "true"}) {
    defects.push_back({"dtype " + type, one(type, "[2]", "[0,8]"), "a string as \"dtype\" for tensor \"x\""});
  }
  for (const std::string sizes : {"[-2]", "[2.0]", "[2e0]", "[true]", "[null]", "[\"2\"]", "[[2]]", "[{}]"}) {
    defects.push_back({"shape " + sizes, one("\"F32\"", sizes, "[0,8]"), "non-negative integers"});
  }
  for (const std::string sizes : {"2", "\"2\"", "{}", "null"}) {
    defects.push_back(
        {"shape " + sizes, one("\"F32\"", sizes, "[0,8]"), "an array as \"shape\" for tensor \"x\""});
  }
  for (const std::string sizes :
       {"[4611686018427387906]", "[4294967296,1073741824]", "[9223372036854775807]",
        "[0,9223372036854775807,3]", "[65536,65536,65536,65536]", "[3037000500,3037000500]"}) {
    defects.push_back(
        {"shape " + sizes, one("\"F32\"", sizes, "[0,8]"), "fewer than 2^63 bytes for tensor \"x\""});
  }
  for (const std::string offsets : {"[8,0]", "[0,7]", "[0,9]", "[0,0]", "[1,8]", "[8,8]"}) {
    defects.push_back(
        {"offsets " + offsets, one("\"F32\"", "[2]", offsets), "bytes apart (F32 (2)) for tensor \"x\""});
  }
  for (const std::string offsets : {"[1,9]", "[8,16]", "[9223372036854775799,9223372036854775807]"}) {
    defects.push_back({"offsets " + offsets, one("\"F32\"", "[2]", offsets), "a gap"});
  }
  test::check_refused(defects, "bad.safetensors", read_all);
}

BOOST_AUTO_TEST_CASE(large_ones) {
  const std::string x = "\"x\":";
  test::check_refused(
      {
          {"ten million arrays, one in the other",
           safetensors_text("{" + x + std::string(10'000'000, '[') + "}"), "got an array"},
          {"arrays in a shape", one("\"F32\"", std::string(10'000'000, '['), "[0,8]"), "got an array"},
          {"a million objects", safetensors_text("{" + times(1'000'000, "\"a\":{") + "}"),
           "\"dtype\", \"shape\""},
          {"a million objects in the metadata",
           safetensors_text("{\"__metadata__\":{" + times(1'000'000, "\"a\":{") + "}"), "got an object"},
          {"a billion bytes", one("\"U8\"", "[1000000000]", "[0,1000000000]"),
           "1000000000 bytes of tensor data"},
          {"2^62 bytes", one("\"U8\"", "[4611686018427387904]", "[0,4611686018427387904]"), "got 8"},
          {"200,000 tensors", many_tensors(200'000, 1), "at most 100000 tensors and keys"},
          {"long names", many_tensors(20'000, 1000), "at most 16000000 characters"},
          {"a name of 5 MB", safetensors_text("{\"" + std::string(5'000'000, 'n') + "\":{}}"),
           "at most 4000000"},
          {"a name of 20 MB", safetensors_text("{\"" + std::string(20'000'000, 'n') + "\":{}}"),
           "at most 4000000"},
          {"a name of escapes", safetensors_text("{\"" + times(1'000'000, "\\u0001") + "\":{}}"),
           "at most 4000000"},
          {"a number of 5 MB", one("\"F32\"", "[" + std::string(5'000'000, '1') + "]", "[0,8]"),
           "at most 4000000"},
          {"a number of 3 MB", one("\"F32\"", "[" + std::string(3'000'000, '1') + "]", "[0,8]"),
           "number overflow"},
          {"an exponent", one("\"F32\"", "[1e" + std::string(3'000'000, '9') + "]", "[0,8]"), "tensor \"x\""},
          {"a type of 3 MB", one("\"" + std::string(3'000'000, 'F') + "\"", "[2]", "[0,8]"), "a dtype of"},
          {"a key of 3 MB", safetensors_text("{" + x + "{\"" + std::string(3'000'000, 'k') + "\":1}}"),
           "only \"dtype\""},
          {"a million keys in the metadata", many_keys(1'000'000), "at most 100000 tensors and keys"},
          {"10 MB of blanks, then damage", safetensors_text("{" + std::string(10'000'000, ' ') + "!}"),
           "at most 4000000"},
          {"3 MB of blanks, then damage", safetensors_text("{" + std::string(3'000'000, ' ') + "!}"), "JSON"},
          {"10 MB of line breaks", safetensors_text("{" + std::string(10'000'000, '\n') + "!}"),
           "line breaks and tabs"},
          {"a string without an end", safetensors_text("{\"" + std::string(3'000'000, 's') + "}"),
           "missing closing quote"},
          {"a million numbers", one("\"F32\"", "[1" + times(1'000'000, ",1") + "]", "[0,8]"),
           "at most 8 numbers"},
          {"the same tensor 90,000 times",
           safetensors_text("{" + times(89'999, tensor("x", "\"U8\"", "[0]", "[0,0]") + ",") +
                            tensor("x", "\"U8\"", "[0]", "[0,0]") + "}"),
           "one tensor of each name"},
      },
      "bad.safetensors", read_all);
}

BOOST_AUTO_TEST_CASE(the_most_that_is_read) {
  const test::Folder folder;
  const std::string path = folder / "many.safetensors";
  write_file_atomic(path, many_tensors(100'000, 1));
  BOOST_TEST(SafetensorsFile(path).entries().size() == 100'000);
  BOOST_TEST(SafetensorsFile(path).contains("99999"));
  BOOST_TEST(!SafetensorsFile(path).contains("100000"));
  // The writer writes nothing else.
  const TensorMetadata large{{"key", std::string(4'000'001, 'v')}};
  test::check_throws<ValueError>([&] { write_safetensors(path, {}, large); },
                                 {path, "read again", "at most 4000000"});
}

BOOST_AUTO_TEST_CASE(every_prefix_and_flip) {
  const test::Folder folder;
  const std::string path = folder / "damaged.safetensors";
  const std::string whole = valid_file();
  BOOST_TEST(whole.size() > 3500);
  write_file_atomic(path, whole);
  BOOST_CHECK_NO_THROW(read_all(path));
  const int loaded = test::check_prefixes_and_flips(whole, path, read_all);
  // Flipped data and names load; no prefix does.
  BOOST_TEST(loaded > 0);
  BOOST_TEST(loaded < static_cast<int>(2 * whole.size()));
}

BOOST_AUTO_TEST_SUITE_END()
