// SPDX-License-Identifier: MIT
/// \file
/// Training that begins with the weights of a file.
#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/train/train_state.hpp>

#include "text_run.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(start_from)

namespace {

constexpr const char* table = "y_embedder.embedding_table.weight";

/// The names of tensors that two files do not have alike.
std::set<std::string> differing(const std::string& a, const std::string& b) {
  const SafetensorsFile first(a), second(b);
  std::set<std::string> names;
  for (const auto& entry : first.entries()) {
    const bool same = second.contains(entry.name) && second.entry(entry.name).shape == entry.shape &&
                      first.tensor<float>(entry.name).to_host() == second.tensor<float>(entry.name).to_host();
    if (!same) names.insert(entry.name);
  }
  BOOST_TEST(first.entries().size() == second.entries().size());
  return names;
}

/// A trained model of two classes.
struct Start {
  ImageData data;
  std::string file = data / "start.safetensors";

  Start() {
    run_well(data.train(data / "first", {"--steps", "6", "--sample-every", "0", "--ema", "0.5"}));
    fs::copy(data / "first/step-6/ema.safetensors", file);
  }

  /// A step that changes nothing.
  Words train(const std::string& run, const Words& more = {}) const {
    return Words{"train", "--data",  data.images(), "--run",          run, "--start-from",
                 file,    "--size",  "16",          "--lr",           "0", "--steps",
                 "1",     "--batch", "4",           "--sample-every", "0"} +
           more;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(weights_and_sizes_are_those_of_the_file) {
  const Start start;
  const auto& data = start.data;
  const std::string run = data / "run";
  const auto out = run_well(start.train(run)).out;
  BOOST_TEST(out.find(str_cat("parameters, from ", start.file)) != out.npos, out);
  BOOST_TEST(differing(run + "/step-1/model.safetensors", start.file).empty());
  // Rounded weights are of no consequence for those that they were rounded from.
  run_well(start.train(data / "mixed", {"--precision", "mixed"}));
  BOOST_TEST(differing(data / "mixed/step-1/model.safetensors", start.file).empty());

  // The step can be looked at, and the run goes on without the file, as one that was not interrupted.
  run_well(start.train(run + "-none", {"--replay", "1"}));
  run_well(start.train(data / "whole", {"--lr", "0.01", "--steps", "4"}));
  run_well(start.train(data / "cut", {"--lr", "0.01", "--steps", "4", "--checkpoint-every", "2"}));
  fs::remove_all(data / "cut/step-4");
  fs::remove(start.file);
  run_well({"train", "--resume", "--run", data / "cut"});
  BOOST_TEST(content(data / "cut/step-4/model.safetensors") ==
             content(data / "whole/step-4/model.safetensors"));
  BOOST_TEST(!differing(data / "whole/step-4/model.safetensors", run + "/step-1/model.safetensors").empty());
}

BOOST_AUTO_TEST_CASE(other_classes_are_learned_anew) {
  const Start start;
  fs::create_directory(start.data.path / "images/third");
  write_png(start.data / "images/third/0.png", Image(16, 16, 9));
  run_well(start.train(start.data / "run"));
  BOOST_TEST(
      (differing(start.data / "run/step-1/model.safetensors", start.file) == std::set<std::string>{table}));
}

BOOST_AUTO_TEST_CASE(words_are_those_of_the_file) {
  const TextRun& trained = TextRun::instance();
  const std::string file = trained.run + "/step-40/ema.safetensors", run = trained.data / "from";
  run_well({"train", "--text", "--data", trained.data / "images", "--run", run, "--start-from", file, "--lr",
            "0", "--steps", "1", "--batch", "4", "--sample-every", "0"});
  BOOST_TEST(differing(run + "/step-1/model.safetensors", file).empty());
  // A converted file knows how many parts a word has, and the size of the images; so does one in a
  // checkpoint.
  run_well({"convert", file, trained.data / "model.safetensors"});
  const auto about =
      run_well({"train", "--text", "--data", trained.data / "images", "--run", run + "-2", "--start-from",
                trained.data / "model.safetensors", "--steps", "1", "--batch", "4"})
          .out;
  BOOST_TEST(about.find("as 16 x 16 pixels") != about.npos, about);
}

BOOST_AUTO_TEST_CASE(checkpoints_of_other_programs_are_weights_alone) {
  const Start start;
  const std::string checkpoint = start.data / "first/step-6", state_file = checkpoint + "/state.json";
  auto state = read_train_state(state_file);
  state.configuration = {{"mine", 1}};
  write_file_atomic(state_file, format_train_state(state));
  const std::string file = checkpoint + "/ema.safetensors", picture = start.data / "s.png";
  run_well({"sample", "--weights", file, "--size", "16", "--count", "1", "--steps", "2", "--out", picture});
  check_refused({"sample", "--weights", file, "--size", "16", "--classes", "rings", "--out", picture},
                {"got rings"});
  run_well({"convert", file, start.data / "converted.safetensors"});
}

BOOST_AUTO_TEST_CASE(bad_input) {
  const Start start;
  const auto& data = start.data;
  const auto refuse = [&](const Words& options, const Words& words) {
    const auto before = listing(data.path);
    check_refused(start.train(data / "run") + options, words);
    BOOST_TEST((listing(data.path) == before));
  };
  refuse({"--width", "32"}, {"--width", "16, as of the model in", start.file, "got 32"});
  refuse({"--depth", "2"}, {"--depth", "got 2"});
  refuse({"--text"}, {"--start-from", "learned its words", start.file, "one of classes"});
  const auto with = [&](const std::string& file) {
    return Words{"train", "--data", data.images(), "--run", data / "run", "--start-from", file};
  };
  const auto refuse_file = [&](const std::string& file, const Words& words) {
    check_refused(with(file), words);
    BOOST_TEST(!fs::exists(data / "run"));
  };
  refuse_file(data / "none", {data / "none", "No such file"});
  refuse_file(TextRun::instance().run + "/step-40/ema.safetensors", {"--start-from", "without --text"});
  refuse_file(std::string(PIXNERD_TEST_DATA) + "/t2i_square.safetensors", {"--start-from", "text encoder"});
  const std::string bytes = content(start.file);
  write_file_atomic(data / "cut", bytes.substr(0, bytes.size() - 5));
  refuse_file(data / "cut", {data / "cut"});
  check_refused({"train", "--resume", "--run", data / "first", "--start-from", start.file, "--steps", "9"},
                {"--start-from", "as at the start of the run"});
}

BOOST_AUTO_TEST_SUITE_END()
