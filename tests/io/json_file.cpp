// SPDX-License-Identifier: MIT
/// \file
/// JSON that others wrote: right, wrong, and beyond the limits.
#include <boost/test/unit_test.hpp>
#include <ctime>
#include <string>

#include <pixnerd/io/json_file.hpp>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(json_file)

BOOST_AUTO_TEST_CASE(reads) {
  const test::Folder folder;
  write_file_atomic(folder / "a.json",
                    std::string_view(R"({"a": [1, {"a": null}], "b": "\u00e9", "c": 2.5})"));
  const auto value = read_json_file(folder / "a.json", "here");
  BOOST_TEST(value["a"][0] == 1);
  BOOST_TEST(value["b"] == "\u00e9");
  BOOST_TEST(value["c"].get<double>() == 2.5);
  test::check_throws<FileError>([&] { read_json_file(folder / "a.json", "here", {.bytes = 10}); },
                                {"at most 10 bytes", "a.json"});
  test::check_throws<FileError>([&] { read_json_file(folder / "b.json", "here"); },
                                {"b.json", "No such file"});
}

BOOST_AUTO_TEST_CASE(refuses) {
  const auto refused = [](const std::string& json, const std::string& words) {
    BOOST_TEST(!try_parse_json(json).has_value());
    test::check_throws<FileError>([&] { parse_json(json, "F", "here"); },
                                  {"[here] expected JSON", "in 'F'", words});
  };
  for (const std::string bad : {"", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "1 2", "\"\xff\"",
                                "\"\\ud800\"", "01", "[1] 2"}) {
    refused(bad, "an error at byte");
  }
  refused("{\"a\": }", "an error at byte 7");
  refused(R"({"a": 1, "a": 2})", "twice in one object");
  refused(R"([{"x": {"a": 1, "b": 3, "a": [2]}}])", "twice in one object");
  refused("1e999", "a number that is too large");
  refused(std::string("1\0", 2), "a byte of value 0");
}

BOOST_AUTO_TEST_CASE(extents) {
  const auto extent = measure_json(R"({"a[,\"{": [1, {}, [[]]], "b": -1.5e3})");
  BOOST_TEST(extent.values >= 6);
  BOOST_TEST(extent.values <= 9);
  BOOST_TEST(extent.levels == 4);
  BOOST_TEST(extent.keys == 2);
  BOOST_TEST(extent.longest_token == 7);
  BOOST_TEST(!extent.has_zero);
  BOOST_TEST(measure_json("").values == 0);
  BOOST_TEST(measure_json("]]}[").levels == 1);
  BOOST_TEST(measure_json(std::string_view("\0", 1)).has_zero);
  BOOST_TEST(measure_json("1\n\n").longest_token == 17);
  BOOST_TEST(measure_json("\"\\\"").longest_token == 2);
}

BOOST_AUTO_TEST_CASE(many_objects_take_no_longer_than_other_values) {
  std::string json = "[{\"\": 0}";
  while (json.size() < 600'000) json += ",{\"\": 0}";
  const auto begin = std::clock();
  BOOST_TEST(parse_json(json + "]", "F", "here").size() > 60'000);
  BOOST_TEST(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 1.0);
}

BOOST_AUTO_TEST_CASE(limits) {
  const JsonLimits most;
  const auto accepts = [](const std::string& json) { (void)parse_json(json, "F", "here"); };
  const auto refuses = [&](const std::string& json, const std::string& words) {
    test::check_throws<FileError>([&] { accepts(json); }, {"[here] expected JSON in 'F'", words});
  };
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  accepts(nested(most.levels));
  refuses(nested(most.levels + 1), "more than 100 levels");
  refuses(std::string(1'000'000, '['), "more than 100 levels");

  const auto values = [](std::size_t count) {
    std::string json = "[0";
    for (std::size_t i = 2; i < count; ++i) json += ",0";
    return json + "]";
  };
  accepts(values(most.values));
  refuses(values(most.values + 1), "more than 200000 values");

  const std::string string = "\"" + std::string(999'000, 's') + "\"";
  accepts("[" + string + "," + string + "," + string + "]");
  refuses("\"" + std::string(1'000'001, 's') + "\"", "more than 1000000 characters");
  accepts("1" + std::string(100'000, '\n'));
  refuses("1" + std::string(200'000, '\n'), "more than 1000000 characters");
  refuses("[" + string + "," + string + "," + string + "," + string + "," + string + "]",
          "more than 4000000 bytes");
}

BOOST_AUTO_TEST_SUITE_END()
