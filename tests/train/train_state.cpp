// SPDX-License-Identifier: MIT
#include <pixnerd/train/train_state.hpp>

#include <cmath>
#include <limits>

#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(train_state)

BOOST_AUTO_TEST_CASE(comes_back_as_it_was) {
  const test::Folder folder;
  const std::string path = folder / "state.json";
  TrainState state{{123, std::int64_t{1} << 40, std::numeric_limits<std::uint64_t>::max()}, {}};
  state.configuration = {{"model", {{"width", 192}, {"rate", 1e-3}}}, {"data", "emoji"}};
  state.skipped = 7;
  state.loss = {0.1 + 0.2, 50};
  state.grad_norm = {1.0 / 3, 120};
  state.score = {"evaluation loss", 1e-3 / 7};
  write_file_atomic(path, format_train_state(state));
  const TrainState again = read_train_state(path);
  BOOST_TEST(again.skipped == 7);
  BOOST_TEST((again.loss == state.loss));
  BOOST_TEST((again.grad_norm == state.grad_norm));
  BOOST_TEST(again.score.measure == "evaluation loss");
  BOOST_TEST(again.score.value == state.score.value);
  BOOST_TEST(again.step == state.step);
  BOOST_TEST(again.samples == state.samples);
  BOOST_TEST(again.seed == state.seed);
  BOOST_TEST((again.configuration == state.configuration));
  BOOST_TEST(again.configuration["model"]["rate"].get<double>() == 1e-3);
  BOOST_TEST(format_train_state(state).find(version) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(means_and_score_may_be_missing) {
  const test::Folder folder;
  const std::string path = folder / "state.json";
  const std::string old = "{\"step\": 1, \"samples\": 2, \"seed\": 3, \"configuration\": {}";
  write_file_atomic(path, old + "}");
  const TrainState state = read_train_state(path);
  BOOST_TEST(state.samples == 2);
  BOOST_TEST(state.skipped == 0);
  BOOST_TEST((state.loss == RunningMean{}));
  BOOST_TEST(state.score.measure == "");
  const auto fails = [&](const std::string& more, const std::string& word) {
    write_file_atomic(path, str_cat(old, ", ", more, "}"));
    test::check_throws<FileError>([&] { (void)read_train_state(path); }, {"state.json", word});
  };
  fails("\"skipped\": -1", "\"skipped\"");
  for (const std::string key : {"loss", "grad_norm"}) {
    fails(str_cat('"', key, "\": 3"), key);
    fails(str_cat('"', key, "\": {\"mean\": \"x\", \"count\": 1}"), key);
    fails(str_cat('"', key, "\": {\"mean\": 1, \"count\": -1}"), key);
    fails(str_cat('"', key, "\": {\"mean\": 1, \"count\": 18446744073709551615}"), key);
  }
  fails("\"score\": []", "score");
  fails("\"score\": {\"measure\": \"x\"}", "score");
  fails("\"score\": {\"measure\": 1, \"value\": 1}", "score");
}

BOOST_AUTO_TEST_CASE(means_forget) {
  RunningMean mean;
  for (int i = 1; i <= 50; ++i) mean.add(i);
  BOOST_TEST(std::abs(mean.mean - 25.5) < 1e-12);
  for (int i = 0; i < 500; ++i) mean.add(3);
  BOOST_TEST(std::abs(mean.mean - 3) < 1e-2);
  BOOST_TEST(mean.count == 550);
}

BOOST_AUTO_TEST_CASE(paths_that_are_not_utf8_can_be_kept) {
  TrainState state;
  state.configuration["data"] = "caf\xe9";
  BOOST_TEST(format_train_state(state).find("caf") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(anything_else_is_an_error) {
  const test::Folder folder;
  const std::string path = folder / "state.json";
  const auto fails = [&](const std::string& content, const std::string& word) {
    write_file_atomic(path, content);
    test::check_throws<FileError>([&] { (void)read_train_state(path); }, {"state.json", word});
  };
  test::check_throws<FileError>([&] { (void)read_train_state(path); }, {"state.json", "No such file"});
  fails("", "JSON");
  fails("{\"step\": 1", "JSON");
  fails("[1, 2]", "\"step\"");
  fails("{\"samples\": 1, \"seed\": 1, \"configuration\": {}}", "\"step\"");
  fails("{\"step\": -1, \"samples\": 1, \"seed\": 1, \"configuration\": {}}", "\"step\"");
  fails("{\"step\": 4294967296, \"samples\": 1, \"seed\": 1, \"configuration\": {}}",
        "\"step\" from 0 to 4294967295");
  fails("{\"step\": 1.5, \"samples\": 1, \"seed\": 1, \"configuration\": {}}", "\"step\"");
  fails("{\"step\": 1, \"samples\": \"x\", \"seed\": 1, \"configuration\": {}}", "\"samples\"");
  fails("{\"step\": 1, \"samples\": 1, \"seed\": 1}", "\"configuration\"");
  fails(std::string(1 << 20, '['), "100 levels");
  std::string deep = "{\"step\": 1, \"samples\": 1, \"seed\": 1, \"configuration\": ";
  fails(deep + std::string(200000, '[') + std::string(200000, ']') + "}", "100 levels");
}

BOOST_AUTO_TEST_SUITE_END()
