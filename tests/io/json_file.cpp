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
}

BOOST_AUTO_TEST_SUITE_END()
