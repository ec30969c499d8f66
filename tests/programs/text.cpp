// SPDX-License-Identifier: MIT
/// \file
/// Text to image: training from captions, resuming, looking at a run.
#include "text_run.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(text_training)

BOOST_AUTO_TEST_CASE(training_and_resuming) {
  const TextRun& trained = TextRun::instance();
  const CaptionData& data = trained.data;
  for (const auto* name : {"samples-000020.png", "samples.png", "loss.png", "step-20", "step-40"})
    BOOST_TEST(fs::exists(trained.run + "/" + name), name);
  // What an interrupted run resumes to is the same, bit for bit, on any number of threads.
  fs::create_directory(data.path / "again");
  fs::copy(trained.run + "/step-20", data / "again/step-20", fs::copy_options::recursive);
  fs::copy(trained.run + "/metrics.csv", data / "again/metrics.csv");
  run_well({"train", "--resume", "--run", data / "again", "--threads", "3"});
  for (const auto* file : {"model", "ema", "optimizer"}) {
    const std::string name = str_cat("/step-40/", file, ".safetensors");
    BOOST_TEST((content(data / "again" + name) == content(trained.run + name)), name);
  }
  BOOST_TEST((content(data / "again/samples.png") == content(trained.run + "/samples.png")));

  const auto about = run_well({"info", "--run", trained.run}).out;
  for (const auto* word : {"text-to-image PixNerd", "text-tokens    4", "64 rows", "conditioner.table.weight",
                           "evaluation loss"})
    BOOST_TEST(about.find(word) != about.npos, about << " lacks " << word);
  const auto replayed = run_well({"train", "--resume", "--run", trained.run, "--replay", "31"}).out;
  for (const auto* word : {"text\n", " thing.", "step-20", "conditioner.table.weight"})
    BOOST_TEST(replayed.find(word) != replayed.npos, replayed << " lacks " << word);

  const auto refuse = [&](const Words& options, const Words& words) {
    check_refused(Words{"train", "--resume", "--run", trained.run} + options, words);
  };
  refuse({"--words", "5"}, {"--words 4", "got 5"});
  refuse({"--no-text"}, {"--text true", "got false"});
  refuse({"--word-parts", "7"}, {"--word-parts 6", "got 7"});
}

BOOST_AUTO_TEST_CASE(every_source_of_texts) {
  const CaptionData data;
  const Words few{"--steps", "2", "--sample-every", "0", "--batch", "2"};
  std::string list;
  for (int i = 0; i < 3; ++i)
    list += str_cat("{\"image\": \"images/", i, ".png\", \"text\": \"", colors[i], "\"}\n");
  write_file_atomic(data / "list.jsonl", list);
  const auto train = [&](const std::string& images, const std::string& run, const Words& more = {}) {
    return run_well(data.train(data / run, few + Words{"--data", images} + more)).out;
  };
  BOOST_TEST(train(data / "list.jsonl", "a").find("3 images with texts") != std::string::npos);
  const ImageData classes;
  BOOST_TEST(train(classes.images(), "b", {"--precision", "mixed"}).find("--prompt rings\n") !=
             std::string::npos);
  // As many steps as fit.
  const auto measured = run_well(data.train(data / "c", {"--minutes", "0.01", "--sample-every", "0"})).out;
  BOOST_TEST(measured.find("as many as fit") != std::string::npos, measured);

  const auto refuse = [&](const Words& options, const Words& words) {
    check_refused(data.train(data / "d", few + options), words);
    BOOST_TEST(!fs::exists(data / "d"));
  };
  refuse({"--corrupt", "skip"}, {"--corrupt", "got skip"});
  refuse({"--words", "0"}, {"--words", "from 1 to", "got 0"});
  write_file_atomic(data / "images/3.txt", "caf\xe9");
  refuse({}, {"images/3.png", "UTF-8", "byte 3 (0xe9)"});
  fs::remove(data.path / "images/3.txt");
  refuse({}, {"images/3.txt", "No such file"});
  check_refused({"train", "--data", classes.images(), "--words", "3"}, {"--words is for --text only"}, 2);
}

BOOST_AUTO_TEST_CASE(captions_do_nothing_to_a_terminal_or_a_shell) {
  const CaptionData data;
  for (int i = 0; i < 6; ++i)
    write_file_atomic(data / str_cat("images/", i, ".txt"), "a'b \"$(touch x)\" \x1b[31mred\n");
  const auto out = run_well(data.train(data / "my run", {"--steps", "4", "--sample-every", "0"})).out;
  const std::string command =
      str_cat("pixnerd sample --run '", data / "my run", "' --prompt 'a'\\''b \"$(touch x)\" ?[31mred'");
  BOOST_TEST(out.find(command) != out.npos, out);
  const auto replayed = run_well(data.train(data / "other", {"--steps", "4", "--replay", "2"})).out;
  BOOST_TEST(replayed.find("?[31mred") != replayed.npos, replayed);
  BOOST_TEST((out + replayed).find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
