/// \file
/// JSON that others wrote: right, wrong, and beyond the limits.
#include <boost/test/unit_test.hpp>
#include <string>

#include <pixnerd/io/json_file.hpp>

#include "files.hpp"

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
    test::check_throws<FileError>([&] { parse_json(json, "F", "here"); },
                                  {"[here] expected JSON", "in 'F'", words});
  };
  for (const std::string bad : {"", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "1 2", "\"\xff\"",
                                "\"\\ud800\"", "01", "[1] 2"}) {
    refused(bad, "an error at byte");
  }
  refused("{\"a\": }", "an error at byte 7");
  refused(R"({"a": 1, "a": 2})", "two for one");
  refused(R"([{"x": {"a": 1, "b": 3, "a": [2]}}])", "two for one");
  refused("1e999", "a number that is too large");
  refused(std::string("1\0", 2), "a byte of value 0");
  refused(std::string(10'000, '\n') + "1 1", "4096 line breaks");
}

BOOST_AUTO_TEST_CASE(limits) {
  const JsonLimits most;
  const auto accepts = [&](const std::string& json) { (void)parse_json(json, "F", "here"); };
  const auto refuses = [&](const std::string& json, const std::string& words) {
    test::check_throws<FileError>([&] { accepts(json); }, {"[here] expected JSON", words, "in 'F'"});
  };
  const auto nested = [](int levels) {
    const auto n = static_cast<std::size_t>(levels);
    return std::string(n, '[') + std::string(n, ']');
  };
  accepts(nested(most.levels));
  refuses(nested(most.levels + 1), "at most 100 levels");
  refuses(std::string(1'000'000, '['), "at most 100 levels");

  const auto values = [](std::int64_t count) {
    std::string json = "[0";
    for (std::int64_t i = 2; i < count; ++i) json += ",0";
    return json + "]";
  };
  accepts(values(most.values));
  refuses(values(most.values + 1), "at most 200000 values");

  const auto sized = [](std::uint64_t bytes) { return "\"" + std::string(bytes - 2, 'x') + "\""; };
  accepts(sized(most.bytes));
  refuses(sized(most.bytes + 1), "at most 4000000 bytes");
}

BOOST_AUTO_TEST_SUITE_END()
