// SPDX-License-Identifier: MIT
/// \file
/// Training with REPA, end to end with very small models: what it learns, leaves behind, goes on with and
/// refuses.
#include <nlohmann/json.hpp>

#include <pixnerd/encoders/dinov2.hpp>
#include <pixnerd/io/parameters.hpp>
#include <pixnerd/train/manifest.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(repa)

namespace {

/// Writes a small DINOv2 with random weights; they begin with the random numbers of `seed`.
void write_dinov2(const std::string& path, std::uint64_t seed, std::int64_t channels = 3) {
  Initializer init(seed);
  save_parameters(
      path,
      Dinov2<On<Cpu>>(
          {.channels = channels, .patch = 4, .grid = 3, .width = 64, .heads = 1, .depth = 1, .hidden = 16},
          init));
}

struct RepaData : ImageData {
  std::string encoder = *this / "dinov2.safetensors";

  RepaData() { write_dinov2(encoder, 1); }

  Words train(const std::string& run, const Words& more = {}) const {
    return ImageData::train(run, Words{"--sample-every", "0", "--keep", "9", "--repa", encoder} + more);
  }

  /// Training must fail with these words, and leave nothing behind.
  void check_untrainable(const Words& options, const Words& words) const {
    const auto before = listing(path);
    check_refused(ImageData::train(*this / "run", Words{"--steps", "2"} + options), words);
    BOOST_TEST((listing(path) == before));
  }
};

/// A column of a run's metrics.csv.
std::vector<double> column(const std::string& run, std::size_t number) {
  std::istringstream all(content(run + "/metrics.csv"));
  std::vector<double> out;
  std::string line;
  for (std::getline(all, line); std::getline(all, line);) {
    std::istringstream cells(line);
    std::string cell;
    for (std::size_t i = 0; i <= number; ++i) BOOST_REQUIRE(std::getline(cells, cell, ','));
    out.push_back(std::stod(cell));
  }
  return out;
}

double mean(const std::vector<double>& values, std::size_t from, std::size_t to) {
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += values[i];
  return sum / static_cast<double>(to - from);
}

constexpr std::size_t alignment_column = 6;

}  // namespace

BOOST_AUTO_TEST_CASE(goes_on_bit_for_bit) {
  const RepaData data;
  for (const Words& options :
       {Words{"--precision", "full", "--accumulate", "2"}, Words{"--precision", "mixed"},
        Words{"--text", "--words", "4", "--word-rows", "64", "--word-parts", "4", "--text-depth", "1"}}) {
    BOOST_TEST_CONTEXT(options[0] << ' ' << options[1]) {
      const Folder runs;
      const std::string run = runs / "whole", again = runs / "again";
      run_well(data.train(run, options + Words{"--steps", "8", "--checkpoint-every", "4"}));
      fs::create_directory(again);
      for (const char* kept : {"step-4", "metrics.csv"})
        fs::copy(fs::path(run) / kept, fs::path(again) / kept, fs::copy_options::recursive);
      run_well({"train", "--resume", "--run", again, "--threads", "1"});
      for (const char* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"})
        BOOST_TEST((content(again + "/step-8/" + file) == content(run + "/step-8/" + file)), file);
      BOOST_TEST(column(again, alignment_column) == column(run, alignment_column),
                 boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(learns_the_features) {
  const RepaData data;
  const std::string run = data / "run";
  const auto outcome = run_well(data.train(run, {"--steps", "120", "--lr", "0.01"}));
  BOOST_TEST(outcome.out.find("block 1 toward the 64 features of " + data.encoder + ", weight 0.5") !=
                 outcome.out.npos,
             outcome.out);
  BOOST_TEST(outcome.out.find(", alignment 0.") != outcome.out.npos, outcome.out);
  const auto alignments = column(run, alignment_column), losses = column(run, 1);
  BOOST_TEST_REQUIRE(alignments.size() == 120u);
  const double first = mean(alignments, 0, 5), last = mean(alignments, 100, 120);
  BOOST_TEST(std::abs(first - 1) < 0.5, first);  // random directions
  BOOST_TEST(last < 0.5 * first, first << " became " << last);
  for (std::size_t i = 0; i < losses.size(); ++i) BOOST_TEST_REQUIRE(losses[i] > 0.5 * alignments[i]);
}

BOOST_AUTO_TEST_CASE(a_weight_of_zero_changes_nothing) {
  const RepaData data;
  const Words options{"--steps", "3", "--sample-every", "0"};
  run_well(data.ImageData::train(data / "plain", options));
  run_well(data.train(data / "zero", options + Words{"--repa-weight", "0"}));
  run_well(data.train(data / "half", options));
  const auto weights = [&](const char* run) {
    return content(data / (std::string(run) + "/step-3/model.safetensors"));
  };
  BOOST_TEST((weights("zero") == weights("plain")));
  BOOST_TEST((weights("half") != weights("plain")));
  BOOST_TEST(column(data / "zero", 1) == column(data / "plain", 1), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_left_needs_neither_projector_nor_encoder) {
  const RepaData data;
  const std::string run = data / "run", picture = data / "out.png";
  run_well(data.train(run, {"--steps", "4"}));
  const SafetensorsFile model(run + "/step-4/model.safetensors"),
      optimizer(run + "/step-4/optimizer.safetensors");
  for (const auto& entry : model.entries()) BOOST_TEST(!entry.name.starts_with("proj."), entry.name);
  for (const char* kind : {"weights.", "first_moments.", "second_moments."})
    BOOST_TEST((optimizer.entry(str_cat(kind, "proj.0.4.weight")).shape == Shape{64, 16}));

  const auto replayed = run_well({"train", "--resume", "--run", run, "--replay", "5", "--steps", "5"});
  for (const char* word : {", alignment ", "proj.0.4.bias"})
    BOOST_TEST(replayed.out.find(word) != replayed.out.npos, replayed.out);

  fs::remove(data.encoder);
  const Words few{"--count", "2", "--steps", "2", "--out", picture};
  run_well(Words{"sample", "--run", run} + few);
  const std::string drawn = content(picture);
  run_well({"convert", run + "/step-4/ema.safetensors", data / "model.safetensors"});
  run_well(Words{"sample", "--weights", data / "model.safetensors", "--shift", "1"} + few);
  BOOST_TEST(fs::exists(picture));
  const auto told = run_well({"info", "--run", run});
  for (const char* word : {"repa-block", data.encoder.c_str()})
    BOOST_TEST(told.out.find(word) != told.out.npos, told.out);
  BOOST_TEST(!drawn.empty());
}

BOOST_AUTO_TEST_CASE(goes_on_with_the_encoder_of_the_run) {
  const RepaData data;
  const std::string run = data / "run", other = data / "other.safetensors",
                    moved = data / "moved.safetensors";
  run_well(data.train(run, {"--steps", "2"}));
  run_well(data.ImageData::train(data / "plain", {"--steps", "2"}));
  write_dinov2(other, 2);
  fs::rename(data.encoder, moved);
  const Words resume{"train", "--resume", "--run", run, "--steps", "3"};
  const auto before = listing(data.path);
  check_refused(resume, {"[resume]", "--repa FILE", data.encoder, "No such file"});
  check_refused(resume + Words{"--repa", other},
                {"[resume]", "--repa with the encoder of the run", "'" + other + "'"});
  check_refused(resume + Words{"--repa", moved, "--repa-weight", "1"}, {"[resume]", "--repa-weight 0.5"});
  check_refused(resume + Words{"--repa", moved, "--repa-block", "2"}, {"[resume]", "--repa-block 1"});
  check_refused(resume + Words{"--repa", ""}, {"[resume]", "--repa \"" + data.encoder});
  check_refused({"train", "--resume", "--run", data / "plain", "--steps", "3", "--repa", moved},
                {"[resume]", "--repa \"\" as at the start"});
  BOOST_TEST((listing(data.path) == before));
  run_well(resume + Words{"--repa", moved, "--repa-block", "0"});
  run_well({"train", "--resume", "--run", run, "--steps", "4"});  // it is known where the encoder lies now
}

BOOST_AUTO_TEST_CASE(goes_on_with_runs_of_older_versions) {
  const ImageData data;
  const std::string run = data / "run", folder = run + "/step-2";
  run_well(data.train(run, {"--steps", "2"}));
  auto state = nlohmann::json::parse(content(folder + "/state.json"));
  for (const char* name : {"repa", "repa-weight", "repa-block"})
    BOOST_TEST(state["configuration"]["settings"].erase(name) == 1u);
  write_file_atomic(folder + "/state.json", state.dump());
  write_manifest(folder, {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"});
  run_well({"train", "--resume", "--run", run, "--steps", "3"});
  BOOST_TEST(fs::exists(run + "/step-3"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_aligned) {
  const RepaData data;
  const std::string none = data / "none.safetensors", file = data / "file.safetensors";
  data.check_untrainable({"--repa", none}, {"'" + none + "'", "No such file"});
  data.check_untrainable({"--repa", data.images()}, {data.images()});
  write_file_atomic(file, "");
  data.check_untrainable({"--repa", file}, {"'" + file + "'", "empty"});
  write_file_atomic(file, "no tensors at all");
  data.check_untrainable({"--repa", file}, {"'" + file + "'", "begins otherwise"});
  const std::string whole = content(data.encoder);
  write_file_atomic(file, whole.substr(0, whole.size() - 9));
  data.check_untrainable({"--repa", file}, {"'" + file + "'"});

  const std::string model = PIXNERD_TEST_DATA "/c2i_square.safetensors";
  data.check_untrainable({"--repa", model}, {"a DINOv2", "'" + model + "'", "patch_embed.proj.weight"});
  write_dinov2(file, 1, /*channels=*/1);
  data.check_untrainable({"--repa", file}, {"three channels", "'" + file + "'", "got one of 1"});
  Initializer init(1);
  auto broken =
      Dinov2<On<Cpu>>({.patch = 4, .grid = 3, .width = 64, .heads = 1, .depth = 1, .hidden = 16}, init);
  for_each_parameter(broken, [](const std::string& name, const Tensor<float>& parameter) {
    if (name == "norm.bias") parameter.data()[3] = std::nanf("");
  });
  save_parameters(file, broken);
  data.check_untrainable({"--repa", file}, {"finite numbers", "'" + file + "'", "norm.bias"});

  const Words repa{"--repa", data.encoder};
  data.check_untrainable(repa + Words{"--repa-block", "2"}, {"--repa-block", "1 blocks", "got 2"});
  data.check_untrainable(repa + Words{"--repa-block", "-1"}, {"--repa-block", "from 0 to 1000", "got -1"});
  data.check_untrainable(repa + Words{"--depth", "0"}, {"--depth", "--repa", "got 0"});
  data.check_untrainable(repa + Words{"--repa-weight", "nan"}, {"--repa-weight", "from 0 to 1000"});
  for (const char* option : {"--repa-block", "--repa-weight"})
    for (const Words& without : {Words{}, Words{"--repa", ""}})
      check_refused(data.ImageData::train(data / "run", without + Words{option, "1"}),
                    {option, "requires --repa"}, 2);
}

BOOST_AUTO_TEST_SUITE_END()
