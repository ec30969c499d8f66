/// \file
<<<<<<< HEAD
/// JSON that others wrote, right and wrong.
=======
/// JSON files within their limits and beyond.
>>>>>>> fuzz
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/io/json_file.hpp>

#include "files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(json_file)

<<<<<<< HEAD
BOOST_AUTO_TEST_CASE(reads) {
  const test::Folder folder;
  write_file_atomic(folder / "a.json", std::string_view(R"({"a": [1, {"a": null}], "b": "\u00e9"})"));
  const auto value = read_json_file(folder / "a.json", 100, "here");
  BOOST_TEST(value["a"][0] == 1);
  BOOST_TEST(value["b"] == "\u00e9");
  test::check_throws<FileError>([&] { read_json_file(folder / "a.json", 10, "here"); },
                                {"at most 10 bytes", "a.json"});
  test::check_throws<FileError>([&] { read_json_file(folder / "b.json", 10, "here"); },
                                {"b.json", "No such file"});
}

BOOST_AUTO_TEST_CASE(refuses) {
  const auto refused = [](const std::string& json, const std::string& words) {
    test::check_throws<FileError>([&] { parse_json(json, "F", "here"); },
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
  refused(std::string(101, '[') + std::string(101, ']'), "of at most 100 levels");
  refused(std::string(1'000'000, '['), "of at most 100 levels");
  refused(std::string(10'000, '\n') + "1 1", "4096 line breaks");
  BOOST_TEST(parse_json(std::string(100, '[') + std::string(100, ']'), "F", "here").is_array());
=======
BOOST_AUTO_TEST_CASE(reads_json) {
  const test::Folder folder;
  const std::string path = folder / "a.json";
  write_file_atomic(path, R"({"a": [1, 2.5, "x", null, true], "b": {}})");
  const auto json = read_json_file(path, "test");
  BOOST_TEST(json["a"][1].get<double>() == 2.5);
  BOOST_TEST(json["b"].is_object());
}

BOOST_AUTO_TEST_CASE(limits) {
  const auto nested = [](int levels) {
    const auto n = static_cast<std::size_t>(levels);
    return std::string(n, '[') + std::string(n, ']');
  };
  BOOST_TEST(parse_json(nested(most_json_levels)).has_value());
  BOOST_TEST(!parse_json(nested(most_json_levels + 2)).has_value());
  BOOST_TEST(!parse_json(nested(1'000'000)).has_value());

  const auto values = [](int count) {
    std::string json = "[0";
    for (int i = 2; i < count; ++i) json += ",0";
    return json + "]";
  };
  BOOST_TEST(parse_json(values(most_json_values)).has_value());
  BOOST_TEST(!parse_json(values(most_json_values + 1)).has_value());

  const auto sized = [](std::uint64_t bytes) { return "\"" + std::string(bytes - 2, 'x') + "\""; };
  BOOST_TEST(parse_json(sized(most_json_bytes)).has_value());
  BOOST_TEST(!parse_json(sized(most_json_bytes + 1)).has_value());
}

BOOST_AUTO_TEST_CASE(refuses_by_name) {
  const test::Folder folder;
  const std::string path = folder / "a.json";
  const auto fails = [&](const std::string& content, const std::string& word) {
    write_file_atomic(path, content);
    test::check_throws<FileError>([&] { (void)read_json_file(path, "test"); }, {"[test]", path, word});
  };
  test::check_throws<FileError>([&] { (void)read_json_file(path, "test"); }, {path, "No such file"});
  for (const std::string bad : {"", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "1 2", "\"\xff\"",
                                "1e999", "\"\\ud800\"", "01"}) {
    fails(bad, "JSON");
  }
  write_file_atomic(path, std::string(most_json_bytes + 1, ' '));
  test::check_throws<FileError>([&] { (void)read_json_file(path, "test"); }, {path, "at most 4000000"});
>>>>>>> fuzz
}

BOOST_AUTO_TEST_SUITE_END()
