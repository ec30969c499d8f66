/// \file
/// JSON files within their limits and beyond.
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/io/json_file.hpp>

#include "files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(json_file)

BOOST_AUTO_TEST_CASE(reads_json) {
  const test::Folder folder;
  const std::string path = folder / "a.json";
  write_file_atomic(path, R"({"a": [1, 2.5, "x", null, true], "b": {}})");
  const auto json = read_json_file(path, "test");
  BOOST_TEST(json["a"][1].get<double>() == 2.5);
  BOOST_TEST(json["b"].is_object());
}

BOOST_AUTO_TEST_CASE(extents) {
  const auto extent = measure_json(R"({"a[,\"{": [1, {}, [[]]], "b": -1.5e3})");
  BOOST_TEST(extent.values >= 6);
  BOOST_TEST(extent.values <= 9);
  BOOST_TEST(extent.levels == 4);
  BOOST_TEST(extent.longest_token == 7);
  BOOST_TEST(!extent.has_zero);
  BOOST_TEST(measure_json("").values == 0);
  BOOST_TEST(measure_json("]]}[").levels == 1);
  BOOST_TEST(measure_json(std::string_view("\0", 1)).has_zero);
  BOOST_TEST(measure_json("1\n\n").longest_token == 17);
  BOOST_TEST(measure_json("\"\\\"").longest_token == 2);
}

BOOST_AUTO_TEST_CASE(limits) {
  const auto parses = [](const std::string& json) { return parse_json(json).has_value(); };
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  BOOST_TEST(parses(nested(most_json_levels)));
  BOOST_TEST(!parses(nested(most_json_levels + 1)));
  BOOST_TEST(!parses(nested(1'000'000)));

  const auto values = [](std::size_t count) {
    std::string json = "[0";
    for (std::size_t i = 2; i < count; ++i) json += ",0";
    return json + "]";
  };
  BOOST_TEST(parses(values(most_json_values)));
  BOOST_TEST(!parses(values(most_json_values + 1)));

  const std::string string = "\"" + std::string(999'000, 's') + "\"";
  BOOST_TEST(parses("[" + string + "," + string + "," + string + "]"));
  BOOST_TEST(!parses("\"" + std::string(1'000'001, 's') + "\""));
  BOOST_TEST(parses("1" + std::string(100'000, '\n')));
  BOOST_TEST(!parses("1" + std::string(200'000, '\n')));
  BOOST_TEST(!parses("[" + string + "," + string + "," + string + "," + string + "," + string + "]"));
  BOOST_TEST(!parses(std::string("1\0", 2)));
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
}

BOOST_AUTO_TEST_SUITE_END()
