// SPDX-License-Identifier: MIT
/// \file
/// Whatever is wrong with the input: one sentence, a status that is not zero, nothing half-written.
#include <bit>
#include <limits>
#include <map>
#include <memory>

#include <pixnerd/io/safetensors/file.hpp>
#include <pixnerd/io/safetensors/writer.hpp>
#include <pixnerd/train/manifest.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(bad_input)

namespace {

/// A trained run, made once.
struct TrainedRun {
  ImageData data;
  std::string run = data / "run";
  std::string checkpoint = run + "/step-8";

  TrainedRun() { run_well(data.train(run, {"--steps", "8", "--sample-every", "0"})); }

  static const TrainedRun& instance() {
    static const auto run = std::make_unique<TrainedRun>();
    return *run;
  }
};

/// Copies a safetensors file, each tensor of float32 changed by `change(name, values)`.
template <class Change>
void copy_changed(const std::string& from, const std::string& to, Change change) {
  const SafetensorsFile file(from);
  SafetensorsWriter writer(to, file.entries(), file.metadata());
  for (const auto& entry : writer.entries()) {
    std::vector<std::uint8_t> bytes(entry.bytes);
    file.read_bytes(file.entry(entry.name), bytes);
    if (entry.type == TensorType::f32) {
      change(entry.name, std::span(reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)));
    }
    writer.write(entry.name, bytes);
  }
  writer.commit();
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

BOOST_AUTO_TEST_CASE(folders_that_a_run_cannot_have) {
  const ImageData data;
  const auto refuse = [&](const std::string& folder, const Words& words) {
    const auto before = listing(data.path);
    check_refused(data.train(folder, {"--steps", "3"}), words);
    BOOST_TEST((listing(data.path) == before));
  };
  fs::create_directory(data.path / "run");
  write_file_atomic(data / "run/metrics.csv", "step\n");
  refuse(data / "run", {data / "run", "no checkpoint to go on from", "--run names another"});
  refuse(data / "run/metrics.csv", {data / "run/metrics.csv", "something else of that name"});
  refuse(TrainedRun::instance().run, {"--resume goes on"});
}

BOOST_AUTO_TEST_CASE(size_that_the_patch_does_not_divide) {
  const ImageData data;
  check_untrainable(data, {"--size", "multiple of the patch, 8", "got 20"}, {"--size", "20"});
  const auto& trained = TrainedRun::instance();
  for (const std::string size : {"20", "16x20", "0", "x", "16x", "-8", "16x16x16", "99999999999999999999"}) {
    check_refused({"sample", "--run", trained.run, "--size", size, "--out", data / "s.png"},
                  {"--size", "8", size});
  }
  BOOST_TEST(!fs::exists(data / "s.png"));
}

BOOST_AUTO_TEST_CASE(too_large_for_this_machine) {
  const ImageData data;
  check_untrainable(data, {"fits into the", "MB", "parameters"},
                    {"--width", "65536", "--heads", "128", "--depth", "1000"});
  check_untrainable(data, {"fits into the", "MB", "batches of 1000000"},
                    {"--batch", "1000000", "--size", "4096"});
  const auto& trained = TrainedRun::instance();
  check_refused({"sample", "--run", trained.run, "--size", "8192", "--count", "9", "--out", data / "s.png"},
                {"--count", "a picture of at most", "24582 x 24582"});
  const std::string run = data / "run";
  run_well(
      data.train(run, {"--steps", "1", "--batch", "1", "--sample-every", "0", "--field-features", "256"}));
  check_refused({"sample", "--run", run, "--size", "8192", "--count", "1", "--out", data / "s.png"},
                {"fit into the", "MB for '", "MB for --size 8192x8192"});
  BOOST_TEST(!fs::exists(data / "s.png"));
}

BOOST_AUTO_TEST_CASE(class_out_of_range) {
  const auto& trained = TrainedRun::instance();
  const std::string out = trained.data / "s.png";
  for (const std::string name : {"2", "-1", "spots", "1e0"}) {
    check_refused({"sample", "--run", trained.run, "--classes", "rings," + name + ",1", "--out", out},
                  {"--classes", "0 to 1", "rings, stripes", "got " + name});
  }
  // Weights alone have no names of classes; those in a checkpoint are the run's.
  fs::copy(trained.checkpoint + "/ema.safetensors", trained.data.path / "alone.safetensors");
  check_refused({"sample", "--weights", trained.data / "alone.safetensors", "--size", "16", "--classes",
                 "rings", "--out", out},
                {"--classes", "0 to 1", "got rings"});
  BOOST_TEST(!fs::exists(out));
  const Folder folder;
  run_well({"sample", "--weights", trained.checkpoint + "/ema.safetensors", "--classes", "rings", "--count",
            "1", "--steps", "2", "--out", folder / "s.png"});
}

BOOST_AUTO_TEST_CASE(solver_settings_out_of_range) {
  const auto& trained = TrainedRun::instance();
  const auto refuse = [&](const Words& options, const Words& words) {
    check_refused(Words{"sample", "--run", trained.run, "--out", trained.data / "s.png"} + options, words);
    BOOST_TEST(!fs::exists(trained.data / "s.png"));
  };
  refuse({"--interval", "0.5"}, {"--interval", "two times", "got 1"});
  refuse({"--interval", "0.9", "0.1"}, {"--interval", "0.9 to 0.1"});
  for (const std::string solver : {"heun", "heun-reuse"})
    refuse({"--solver", solver, "--interval", "0.1", "1"},
           {"--interval", "other than heun", "got " + solver});
  refuse({"--guidance", "inf"}, {"--guidance", "a finite number", "got inf"});
  refuse({"--shift", "0"}, {"shift", "got 0"});
  refuse({"--last-step", "1.5"}, {"last step", "got 1.5"});
}

BOOST_AUTO_TEST_CASE(run_without_a_checkpoint) {
  const ImageData data;
  for (const Words& command : {Words{"sample"}, Words{"info"}, data.train("x") + Words{"--resume"}}) {
    check_refused(command + Words{"--run", data / "none"}, {data / "none"});
  }
  check_refused({"train", "--resume", "--run", data / "none"}, {data / "none"});
  fs::create_directory(data.path / "empty");
  check_refused({"sample", "--run", data / "empty"}, {"a checkpoint in", data / "empty"});
  check_refused({"train", "--resume", "--run", data / "empty"}, {"a checkpoint in", data / "empty"});
}

BOOST_AUTO_TEST_CASE(run_folder_in_use) {
  const auto& trained = TrainedRun::instance();
  const auto before = listing(trained.run);
  check_refused(trained.data.train(trained.run, {"--steps", "30"}), {trained.run, "--resume", "--run"});
  BOOST_TEST((listing(trained.run) == before));
  // A file is no folder for a run either.
  check_refused(trained.data.train(trained.data / "images/rings/0.png", {"--steps", "3"}), {"rings/0.png"});
}

BOOST_AUTO_TEST_CASE(damaged_checkpoint) {
  const auto& trained = TrainedRun::instance();
  const Folder folder;
  fs::copy(trained.run, folder.path / "run", fs::copy_options::recursive);
  const std::string model = folder / "run/step-8/model.safetensors";
  fs::resize_file(model, fs::file_size(model) - 5);
  check_refused({"sample", "--run", folder / "run", "--out", folder / "s.png"},
                {"step-8", "model.safetensors"});
  check_refused({"train", "--resume", "--run", folder / "run"}, {"step-8", "model.safetensors"});
  check_refused({"info", model}, {model});
  BOOST_TEST(!fs::exists(folder / "s.png"));
}

BOOST_AUTO_TEST_CASE(checkpoint_of_another_model) {
  const auto& trained = TrainedRun::instance();
  const Folder folder;
  // Moments have the names of parameters, but are no model.
  check_refused({"sample", "--weights", trained.checkpoint + "/optimizer.safetensors", "--size", "16"},
                {"a PixNerd in", "optimizer.safetensors", "param, denoiser or ema"});
  // Weights of something that is no PixNerd.
  const std::vector<float> values(12, 1.0f);
  write_safetensors(folder / "other.safetensors",
                    {safetensors_view("conv1.weight", {3, 4}, std::span<const float>(values))});
  check_refused({"sample", "--weights", folder / "other.safetensors", "--size", "16"},
                {"a PixNerd in", "other.safetensors", "s_embedder.proj.weight"});
  // A model that lacks a tensor.
  const SafetensorsFile whole(trained.checkpoint + "/ema.safetensors");
  std::vector<SafetensorsView> tensors;
  std::vector<std::vector<float>> memory;
  for (const auto& entry : whole.entries()) {
    if (entry.name == "blocks.0.mlp.w2.weight") continue;
    memory.push_back(whole.read<float>(entry.name));
    tensors.push_back(safetensors_view(entry.name, entry.shape, std::span<const float>(memory.back())));
  }
  write_safetensors(folder / "part.safetensors", tensors);
  check_refused({"sample", "--weights", folder / "part.safetensors", "--size", "16"}, {"part.safetensors"});

  // A run whose checkpoint was replaced by that of a wider model.
  run_well(
      trained.data.train(folder / "wide", {"--steps", "8", "--sample-every", "0", "--field-features", "8"}));
  fs::copy(trained.run, folder.path / "run", fs::copy_options::recursive);
  const Words files{"model.safetensors", "ema.safetensors", "optimizer.safetensors"};
  for (const auto& file : files) {
    fs::copy_file(folder.path / "wide/step-8" / file, folder.path / "run/step-8" / file,
                  fs::copy_options::overwrite_existing);
  }
  write_manifest(folder / "run/step-8", files + Words{"state.json"});
  check_refused({"train", "--resume", "--run", folder / "run", "--steps", "10"},
                {"x_embedder.embedder.0.weight", "(8, 67) instead of (4, 67)"});
  BOOST_TEST(!fs::exists(folder / "run/step-10"));
}

BOOST_AUTO_TEST_CASE(contradictions_when_resuming) {
  const auto& trained = TrainedRun::instance();
  const auto before = listing(trained.run);
  const auto refuse = [&](const Words& options, const Words& words) {
    check_refused(Words{"train", "--resume", "--run", trained.run} + options, words);
    BOOST_TEST((listing(trained.run) == before));
  };
  refuse({"--width", "32"}, {"--width 16", "got 32"});
  refuse({"--no-flip"}, {"--flip true", "got false"});
  refuse({"--schedule", "constant"}, {"--schedule \"cosine\"", "constant"});
  const ImageData other;
  fs::remove(other.path / "images/rings/0.png");
  refuse({"--data", other.images()}, {"12 images of 2 classes", "got 11 images of 2 classes"});
}

BOOST_AUTO_TEST_CASE(nan_in_weights) {
  const auto& trained = TrainedRun::instance();
  const Folder folder;
  copy_changed(trained.checkpoint + "/ema.safetensors", folder / "nan.safetensors",
               [](const std::string& name, std::span<float> values) {
                 if (name == "blocks.0.attn.proj.weight") values[3] = not_a_number;
               });
  check_refused(
      {"sample", "--weights", folder / "nan.safetensors", "--size", "16", "--out", folder / "s.png"},
      {"finite", "nan.safetensors", "nan in blocks.0.attn.proj.weight"});
  BOOST_TEST(!fs::exists(folder / "s.png"));

  // A checkpoint whose weights went bad: training names the step and the parameter, and saves nothing.
  fs::copy(trained.run, folder.path / "run", fs::copy_options::recursive);
  fs::rename(folder / "run/step-8/model.safetensors", folder / "good.safetensors");
  copy_changed(folder / "good.safetensors", folder / "run/step-8/model.safetensors",
               [](const std::string& name, std::span<float> values) {
                 if (name == "final_layer.linear.bias") values[0] = not_a_number;
               });
  write_manifest(folder / "run/step-8",
                 {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"});
  check_refused({"train", "--resume", "--run", folder / "run", "--steps", "20"},
                {"step 9", "final_layer.linear.bias", "nan"});
  BOOST_TEST(!fs::exists(folder / "run/step-9"));
  BOOST_TEST(!fs::exists(folder / "run/step-20"));
}

BOOST_AUTO_TEST_CASE(training_that_diverges) {
  const ImageData data;
  check_refused(data.train(data / "run", {"--lr", "1000", "--clip", "0", "--warmup", "0", "--steps", "400"}),
                {"step ", "finite"});
  // How it came to that can be read.
  const std::string metrics = content(data / "run/metrics.csv");
  BOOST_TEST(std::count(metrics.begin(), metrics.end(), '\n') > 1);
}

BOOST_AUTO_TEST_CASE(places_that_cannot_be_written) {
  const auto& trained = TrainedRun::instance();
  const Folder folder;
  check_refused({"sample", "--run", trained.run, "--out", folder / "none/s.png"},
                {folder / "none/s.png", "No such file or directory"});
  fs::create_directory(folder.path / "folder.png");
  check_refused({"sample", "--run", trained.run, "--out", folder / "folder.png"},
                {folder / "folder.png", "a folder"});
  fs::remove(folder.path / "folder.png");
  check_refused({"sample", "--run", trained.run, "--out", folder / "s.jpg"},
                {"--out", "ends in .png", "s.jpg"});
  check_refused(
      {"sample", "--run", trained.run, "--out", folder / "s.png", "--trajectory", folder / "./s.png"},
      {"--trajectory", "another file than --out", "s.png"});
  check_refused(
      {"sample", "--run", trained.run, "--out", folder / "s.png", "--trajectory", folder / "none/w.png"},
      {folder / "none/w.png"});
  write_file_atomic(folder / "file", "text");
  check_refused(trained.data.train(folder / "file/run", {"--steps", "3"}), {folder / "file/run"});
  BOOST_TEST(folder.entries() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
