// SPDX-License-Identifier: MIT
/// \file
/// The JSON of checkpoints, malformed: state.json and manifest.json are refused soon and with little memory.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include <pixnerd/train/manifest.hpp>
#include <pixnerd/train/train_state.hpp>

#include "support/hostile.hpp"

using namespace pixnerd;
using namespace std::string_literals;
using test::Defect;

BOOST_AUTO_TEST_SUITE(malformed_json)

namespace {

void read_state(const std::string& path) {
  (void)read_train_state(path);
}

/// Throws what manifest_problem() says of the folder.
void read_manifest(const std::string& path) {
  const std::string problem = manifest_problem(detail::parent_folder(path));
  if (!problem.empty()) raise<FileError>("manifest", str_cat("a whole '", path, "'"), problem);
}

std::string state(const std::string& step, const std::string& samples, const std::string& seed,
                  const std::string& rest = "\"configuration\": {}") {
  return "{\"step\": " + step + ", \"samples\": " + samples + ", \"seed\": " + seed + ", " + rest + "}";
}

std::string nested(const std::string& open, const std::string& close, int levels) {
  std::string out;
  for (int i = 0; i < levels; ++i) out += open;
  out += "1";
  for (int i = 0; i < levels; ++i) out += close;
  return out;
}

std::string values(std::size_t count, const std::string& one) {
  std::string out = "[" + one;
  for (std::size_t i = 1; i < count; ++i) out += "," + one;
  return out + "]";
}

std::string valid_state() {
  TrainState state{{123, 3936, 42}, {}};
  for (int i = 0; i < 60; ++i) {
    state.configuration["setting " + std::to_string(i)] = {
        {"value", i * 0.37}, {"name", "\"\\\n"}, {"on", i % 2 == 0}};
  }
  return format_train_state(state);
}

}  // namespace

BOOST_AUTO_TEST_CASE(states) {
  std::vector<Defect> defects;
  const std::string whole = state("1", "2", "3");
  for (const std::string& text : {""s,
                                  " "s,
                                  "{"s,
                                  "}"s,
                                  "{}}"s,
                                  "[1"s,
                                  "nul"s,
                                  "{\"step\" 1}"s,
                                  "{\"step\": 1,}"s,
                                  "{'step': 1}"s,
                                  "{step: 1}"s,
                                  whole + whole,
                                  whole + "x",
                                  whole + "\0"s,
                                  "\xef\xbb\xbf{"s,
                                  "{\"a\": NaN}"s,
                                  "{\"a\": 01}"s,
                                  "{\"a\": +1}"s,
                                  "{\"a\": .5}"s,
                                  "{\"a\": 0x1}"s,
                                  "{\"a\": 1e999}"s,
                                  "{\"a\": \"\xff\"}"s,
                                  "{\"a\": \"\\ud800\"}"s,
                                  "{\"a\": \"\\u12\"}"s,
                                  "{\"a\": \"\n\"}"s,
                                  "{\"a\": \""s,
                                  "/* c */ {}"s,
                                  whole.substr(0, whole.size() - 1)}) {
    defects.push_back({"the text " + text, text, "JSON"});
  }
  for (const std::string text : {"[]", "null", "1", "\"step\"", "true", "{}", "[{\"step\": 1}]"}) {
    defects.push_back({"the text " + text, text, "a \"step\""});
  }
  for (const std::string bad : {"-1", "1.5", "1e3", "\"1\"", "null", "[1]", "{}", "true"}) {
    defects.push_back({"step " + bad, state(bad, "2", "3"), "a \"step\" from 0 to 4294967295"});
    defects.push_back({"samples " + bad, state("1", bad, "3"), "a \"samples\""});
    defects.push_back({"seed " + bad, state("1", "2", bad), "a \"seed\""});
  }
  defects.push_back({"a step of 2^32", state("4294967296", "2", "3"), "a \"step\""});
  defects.push_back({"samples of 2^63", state("1", "9223372036854775808", "3"), "a \"samples\""});
  defects.push_back({"a seed of 2^64", state("1", "2", "18446744073709551616"), "a \"seed\""});
  defects.push_back({"no configuration", state("1", "2", "3", "\"library\": \"x\""), "a \"configuration\""});
  test::check_refused(defects, "state.json", read_state);
}

BOOST_AUTO_TEST_CASE(large_states) {
  const auto with = [](const std::string& configuration) {
    return state("1", "2", "3", "\"configuration\": " + configuration);
  };
  test::check_refused(
      {
          {"101 levels of arrays", with(nested("[", "]", 101)), "100 levels"},
          {"a million levels of arrays", with(nested("[", "]", 1'000'000)), "100 levels"},
          {"500,000 levels of objects", with(nested("{\"\":", "}", 500'000)), "100 levels"},
          {"arrays without an end", std::string(3'900'000, '['), "100 levels"},
          {"a million empty arrays", with(values(1'000'000, "[]")), "200000 values"},
          {"a million empty objects", with(values(1'000'000, "{}")), "200000 values"},
          {"1.9 million numbers", with(values(1'900'000, "0")), "200000 values"},
          {"a million strings", with(values(1'000'000, "\"\"")), "200000 values"},
          {"more than 4 MB of blanks", state("1", "2", "3") + std::string(4'000'000, ' '), "at most 4000000"},
          {"100 MB", std::string(100'000'000, ' '), "at most 4000000"},
          {"a string of 3.9 MB that does not end", "{\"a\": \"" + std::string(3'900'000, 's'), "JSON"},
          {"3.9 MB of line breaks", std::string(3'900'000, '\n') + "!", "JSON"},
          {"a number of 3.9 MB", with(std::string(3'900'000, '1')), "JSON"},
      },
      "state.json", read_state);
}

BOOST_AUTO_TEST_CASE(manifests) {
  std::vector<Defect> defects;
  for (const std::string text :
       {"", "{", "[]", "null", "1", "\"files\"", "{}", "{\"files\": null}", "{\"files\": 1}",
        "{\"files\": \"a\"}", "{\"files\": []}", "{\"files\": {}}", "{\"file\": {\"a\": 1}}",
        "{\"files\": {\"a\": 1}", "{\"files\": {\"\xff\": 1}}"}) {
    defects.push_back({"the text " + text, text, "lists no files"});
  }
  const auto file = [](const std::string& name, const std::string& facts) {
    return "{\"files\": {\"" + name + "\": " + facts + "}}";
  };
  const std::string good = R"({"bytes": 9, "crc32": "cbf43926"})";
  for (const std::string name :
       {"", "/", "/etc/passwd", "../state.json", "a/b", "./a", "a\\u0000b", "\\u0000", "..\\u002f"}) {
    defects.push_back({"the name " + name, file(name, good), "a file elsewhere"});
  }
  for (const std::string name : {".", ".."}) {
    defects.push_back({"the name " + name, file(name, good), "a folder"});
  }
  defects.push_back({"a file that is not there", file("b", good), "No such file"});
  defects.push_back({"a long name", file(std::string(300, 'n'), good), "File name too long"});
  const std::string itself = file("manifest.json", good);
  defects.push_back({"itself", itself, "has not the size"});
  for (const std::string facts : {"null", "9", "[]", "\"9\"", "{}", R"({"bytes": "9"})", R"({"bytes": 8})",
                                  R"({"bytes": -9})", R"({"bytes": null})", R"({"bytes": [9]})",
                                  R"({"bytes": 18446744073709551615})", R"({"bytes": 9e99})"}) {
    defects.push_back({"the facts " + facts, file("manifest.json.tmp", facts), "No such file"});
  }
  defects.push_back({"1 MB of arrays", std::string(1'000'000, '['), "lists no files"});
  defects.push_back({"2 MB of blanks", std::string(2'000'000, ' '), "more than 1048576"});
  defects.push_back(
      {"a million bytes of objects", "{\"files\": " + values(300'000, "{}") + "}", "lists no files"});
  test::check_refused(defects, "manifest.json", read_manifest);
}

BOOST_AUTO_TEST_CASE(every_prefix_and_flip) {
  const test::Folder folder;
  const std::string whole = valid_state();
  BOOST_TEST(whole.size() > 4000);
  const int loaded = test::check_prefixes_and_flips(whole, folder / "state.json", read_state);
  // Names, numbers and words may change, and the last line break may be missing.
  BOOST_TEST(loaded > 0);
  BOOST_TEST(loaded < static_cast<int>(2 * whole.size()));
}

BOOST_AUTO_TEST_SUITE_END()
