/// \file
/// JSON that others wrote, right and wrong.
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/io/strict_json.hpp>

#include "files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(strict_json)

BOOST_AUTO_TEST_CASE(reads) {
  const test::Folder folder;
  write_file_atomic(folder / "a.json", std::string_view(R"({"a": [1, {"a": null}], "b": "\u00e9"})"));
  const auto value = read_strict_json(folder / "a.json", 100, "here");
  BOOST_TEST(value["a"][0] == 1);
  BOOST_TEST(value["b"] == "\u00e9");
  test::check_throws<FileError>([&] { read_strict_json(folder / "a.json", 10, "here"); },
                                {"at most 10 bytes", "a.json"});
  test::check_throws<FileError>([&] { read_strict_json(folder / "b.json", 10, "here"); },
                                {"b.json", "No such file"});
}

BOOST_AUTO_TEST_CASE(refuses) {
  const auto refused = [](const std::string& json, const std::string& words) {
    test::check_throws<FileError>([&] { parse_strict_json(json, "F", "here"); },
                                  {"[here] expected JSON", "in 'F'", words});
  };
  refused("", "an error at byte");
  refused("{\"a\": }", "an error at byte 7");
  refused("[1] 2", "an error at byte");
  refused(R"({"a": 1, "a": 2})", "two for one");
  refused(R"([{"x": {"a": 1, "b": 3, "a": [2]}}])", "two for one");
  refused("\"\xff\"", "an error at byte");
  refused("1e999", "a number that is too large");
  refused(std::string("1\0", 2), "a byte of value 0");
  std::string many = "[0";
  for (int i = 0; i < 3'000'000; ++i) many += ",0";
  refused(many + "]", "of at most 3000000 values");
  refused(std::string(101, '[') + std::string(101, ']'), "of at most 100 levels");
  refused(std::string(1'000'000, '['), "of at most 100 levels");
  refused(std::string(10'000, '\n') + "1 1", "4096 line breaks");
  BOOST_TEST(parse_strict_json(std::string(100, '[') + std::string(100, ']'), "F", "here").is_array());
}

BOOST_AUTO_TEST_SUITE_END()
