// SPDX-License-Identifier: MIT
/// \file
/// Images that are missing, damaged, or no data set: one sentence, nothing half-written, no step lost.
#include <pixnerd/data/order.hpp>
#include <pixnerd/train/manifest.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(bad_images)

BOOST_AUTO_TEST_CASE(missing_and_unreadable_folders) {
  const ImageData data;
  const auto refuse = [&](const std::string& folder, const Words& words) {
    check_refused({"train", "--data", folder, "--run", data / "run", "--steps", "9"}, words);
    BOOST_TEST(!fs::exists(data / "run"));
  };
  refuse(data / "none", {"'" + data / "none" + "'", "No such file or directory"});
  fs::create_symlink(data.path / "circle", data.path / "circle");
  refuse(data / "circle", {data / "circle", "symbolic links"});
  write_file_atomic(data / "file", "text");
  refuse(data / "file", {data / "file", "Not a directory"});
  fs::create_directory(data.path / "empty");
  refuse(data / "empty", {data / "empty", "no folders"});
  fs::create_directory(data.path / "empty/class");
  refuse(data / "empty", {data / "empty/class", "none"});
  if (::geteuid() != 0) {
    fs::permissions(data.path / "empty", fs::perms::none);
    refuse(data / "empty", {data / "empty", "Permission denied"});
    fs::permissions(data.path / "empty", fs::perms::owner_all);
  }
}

BOOST_AUTO_TEST_CASE(image_of_zero_bytes) {
  const ImageData data;
  write_file_atomic(data / "images/rings/bad.png", "");
  check_untrainable(data, {data / "images/rings/bad.png", "an empty file"});
}

BOOST_AUTO_TEST_CASE(text_named_png) {
  const ImageData data;
  write_file_atomic(data / "images/rings/bad.png", "Once upon a time");
  check_untrainable(data, {data / "images/rings/bad.png", "got text"});
}

BOOST_AUTO_TEST_CASE(image_of_one_pixel) {
  const ImageData data;
  write_png(data / "images/stripes/dot.png", Image(1, 1));
  check_refused(data.train(data / "run", {"--steps", "20"}),
                {data / "images/stripes/dot.png", "at least 8 x 8", "1 x 1"});
  BOOST_TEST(!fs::exists(data / "run"));

  // Where not even the first step is done, nothing stays but a folder that was there before.
  for (const auto& entry : fs::recursive_directory_iterator(data.path / "images"))
    if (entry.is_regular_file()) write_png(entry.path(), Image(1, 1));
  const std::string run = data / "first";
  check_refused(data.train(run, {"--steps", "20"}), {"at least 8 x 8"});
  BOOST_TEST(!fs::exists(run));
  fs::create_directory(run);
  check_refused(data.train(run, {"--steps", "20"}), {"at least 8 x 8"});
  BOOST_TEST_REQUIRE(fs::exists(run));
  BOOST_TEST(listing(run).empty());
}

BOOST_AUTO_TEST_CASE(image_that_is_found_when_its_turn_comes) {
  // Of 80 images, 64 are read before the first step, for the evaluation; the order of training begins with
  // these.
  const ImageData data;
  for (int i = 0; i < 68; ++i) {
    const auto grey = static_cast<std::uint8_t>(3 * i);
    write_png(data / str_cat("images/stripes/more-", 10 + i, ".png"), Image(16, 16, grey));
  }
  const Words options{"--steps", "30", "--sample-every", "0"};
  run_well(data.train(data / "whole", options));
  const auto index = SampleOrder(80, /*seed=*/0, /*flip=*/true)[79].index;
  BOOST_TEST_REQUIRE(index >= 12u, "another image than one of those above");
  const std::string bad = data / str_cat("images/stripes/more-", index - 2, ".png");
  const std::string good = data / "good.png";
  fs::rename(bad, good);
  write_file_atomic(bad, "Once upon a time");

  const auto outcome = run(data.train(data / "run", options));
  check_refusal(outcome, {bad, "got text"});
  BOOST_TEST(outcome.out.find(str_cat("stopped    after step 19; go on with: pixnerd train --resume --run ",
                                      data / "run")) != outcome.out.npos,
             outcome.out);
  BOOST_TEST(manifest_problem(data / "run/step-19") == "");
  fs::rename(good, bad);
  run_well({"train", "--resume", "--run", data / "run"});
  for (const auto* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors"})
    BOOST_TEST(
        (content(str_cat(data / "run/step-30/", file)) == content(str_cat(data / "whole/step-30/", file))),
        file);
}

BOOST_AUTO_TEST_CASE(images_of_a_run_that_are_elsewhere) {
  const ImageData data;
  run_well(data.train(data / "run", {"--steps", "3", "--sample-every", "0"}));
  fs::rename(data.images(), data / "moved");
  const Words resume{"train", "--resume", "--run", data / "run", "--steps", "6"};
  check_refused(resume, {"--data PATH", "not where they were", data.images()});
  run_well(resume + Words{"--data", data / "moved"});
}

BOOST_AUTO_TEST_CASE(images_without_classes) {
  const ImageData data;
  check_refused({"train", "--data", data / "images/rings", "--run", data / "run", "--steps", "3"},
                {"--data", "--text as well", data / "images/rings"});
  write_file_atomic(data / "list.jsonl", "{}");
  check_refused({"train", "--data", data / "list.jsonl", "--run", data / "run", "--steps", "3"},
                {"--data", "--text as well", data / "list.jsonl"});
}

BOOST_AUTO_TEST_CASE(damaged_images_can_be_left_out) {
  const ImageData data;
  write_file_atomic(data / "images/rings/bad.png", "Once upon a time");
  write_png(data / "images/stripes/dot.png", Image(1, 1));
  const auto outcome =
      run_well(data.train(data / "run", {"--steps", "6", "--corrupt", "skip", "--sample-every", "0"}));
  for (const auto* name : {"bad.png", "dot.png", "12 images of 2 classes"}) {
    BOOST_TEST(outcome.out.find(name) != std::string::npos, outcome.out << " lacks " << name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
