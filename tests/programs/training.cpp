// SPDX-License-Identifier: MIT
/// \file
/// From images to samples, end to end, with a very small model.
#include <pixnerd/data/subset.hpp>
#include <pixnerd/image/read_image.hpp>
#include <pixnerd/train/checkpoint_retention.hpp>

#include "program.hpp"
#include "train/run_record.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(training)

namespace {

/// The lines of metrics.csv behind its header, split at commas.
std::vector<std::vector<double>> metrics_of(const std::string& run) {
  std::vector<std::vector<double>> rows;
  std::string all = content(run + "/metrics.csv");
  BOOST_TEST(all.starts_with("step,loss,grad_norm,lr,images_per_second,seconds\n"));
  BOOST_TEST(all.ends_with('\n'));
  for (std::size_t at = all.find('\n') + 1; at < all.size();) {
    const auto end = all.find('\n', at);
    auto& row = rows.emplace_back();
    while (at < end) {
      std::size_t used = 0;
      row.push_back(std::stod(all.substr(at, end - at), &used));
      at += used + 1;
    }
    at = end + 1;
  }
  return rows;
}

/// The images of a picture with `columns` columns, side by side with two pixels between them.
std::vector<Image> images_of(const std::string& path, int count, int columns, int height, int width) {
  const Image picture = read_image(path);
  std::vector<Image> images;
  for (int i = 0; i < count; ++i) {
    Image& image = images.emplace_back(height, width);
    for (int y = 0; y < height; ++y) {
      std::copy_n(picture.pixel(2 + i / columns * (height + 2) + y, 2 + i % columns * (width + 2)), 3 * width,
                  image.pixel(y, 0));
    }
  }
  return images;
}

}  // namespace

struct Trained {
  ImageData data;
  std::string run = data / "run";
  Outcome outcome = run_well(data.train(
      run, {"--steps", "120", "--checkpoint-every", "50", "--sample-every", "60", "--lr", "0.01"}));
};

BOOST_FIXTURE_TEST_CASE(end_to_end, Trained) {
  for (const auto* word :
       {"12 images of 2 classes", "parameters", "120 steps", "samples.png", "pixnerd sample --run"}) {
    BOOST_TEST(outcome.out.find(word) != std::string::npos, outcome.out << " lacks " << word);
  }
  // Two checkpoints are kept; nothing else is left behind.
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(run)) names.insert(entry.path().filename().string());
  BOOST_TEST((names == std::set<std::string>{"metrics.csv", "loss.png", "samples-000060.png", "samples.png",
                                             "step-100", "step-120"}));
  const auto rows = metrics_of(run);
  BOOST_TEST_REQUIRE(rows.size() == 120u);
  double first = 0, last = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    BOOST_TEST_REQUIRE(rows[i].size() == 6u);
    BOOST_TEST(rows[i][0] == static_cast<double>(i + 1));
    BOOST_TEST(rows[i][2] > 0);
    BOOST_TEST(rows[i][4] > 0);
    (i < 20 ? first : last) += i < 20 || i >= 100 ? rows[i][1] : 0;
  }
  BOOST_TEST(last < 0.8 * first, "the loss went from " << first / 20 << " to " << last / 20);
  BOOST_TEST(std::abs(rows[1][3] - 1e-2 * 2 / 5) < 1e-9);  // the warm-up

  const Image curve = read_image(run + "/loss.png");
  BOOST_TEST(curve.width == 800);
  BOOST_TEST(curve.height == 500);
  // 32 samples in 8 columns, 16 x 16 pixels shown six times as large.
  const Image samples = read_image(run + "/samples.png");
  BOOST_TEST(samples.width == 8 * 98 + 2);
  BOOST_TEST(samples.height == 4 * 98 + 2);
  BOOST_TEST(read_image(run + "/samples-000060.png").width == 4 * 98 + 2);

  const auto about = run_well({"info", "--run", run}).out;
  for (const auto* word : {"120 of 120", "rings", "stripes", "480 images seen", "blocks.0.attn.qkv.weight"}) {
    BOOST_TEST(about.find(word) != std::string::npos, about << " lacks " << word);
  }
}

BOOST_FIXTURE_TEST_CASE(samples, Trained) {
  const auto draw = [&](const std::string& name, const Words& options) {
    run_well(Words{"sample", "--run", run, "--out", data / name, "--zoom", "1", "--steps", "6"} + options);
    return data / name;
  };
  // The same again, and another seed.
  const auto once = content(draw("a.png", {}));
  BOOST_TEST((once == content(draw("b.png", {}))));
  BOOST_TEST((read_image(data / "a.png") != read_image(draw("c.png", {"--seed", "1"}))));
  BOOST_TEST((read_image(data / "a.png") != read_image(draw("d.png", {"--no-ema"}))));
  for (const std::string threads : {"1", "5"}) {
    BOOST_TEST((once == content(draw("e.png", {"--threads", threads}))));
  }

  // An image depends on the seed, its number and its class, not on how many are drawn.
  const Words classes{"--classes", "stripes,0,0", "--columns", "4"};
  const auto few = images_of(draw("few.png", classes + Words{"--count", "5"}), 5, 4, 16, 16);
  const auto many = images_of(draw("many.png", classes + Words{"--count", "150"}), 150, 4, 16, 16);
  for (std::size_t i = 0; i < few.size(); ++i) BOOST_TEST((few[i] == many[i]), "image " << i << " differs");
  BOOST_TEST((few[0] != few[1]));

  // Every solver, other sizes, trajectories.
  for (const std::string solver : {"heun", "heun-reuse", "adams2", "adams3", "adams4", "sde"}) {
    BOOST_TEST((read_image(draw("solver.png", {"--solver", solver})) != read_image(data / "a.png")));
  }
  const Image wide = read_image(draw(
      "wide.png", {"--size", "16x24", "--count", "2", "--columns", "2", "--trajectory", data / "way.png"}));
  BOOST_TEST(wide.height == 16 + 4);
  BOOST_TEST(wide.width == 2 * 24 + 6);
  const Image way = read_image(data / "way.png");  // 2 rows of 7 points, shown four times as large
  BOOST_TEST(way.height == 2 * (4 * 16 + 2) + 2);
  BOOST_TEST(way.width == 7 * (4 * 24 + 2) + 2);

  // Weights alone are enough when the size is told.
  run_well({"sample", "--weights", run + "/step-120/ema.safetensors", "--size", "16", "--out", data / "f.png",
            "--zoom", "1", "--steps", "6"});
  BOOST_TEST((read_image(data / "f.png") == read_image(data / "a.png")));
}

BOOST_AUTO_TEST_CASE(the_best_checkpoint_stays) {
  const ImageData data;
  const Words options{"--steps", "32", "--checkpoint-every", "4",        "--lr",           "0.3",
                      "--ema",   "0",  "--schedule",         "constant", "--sample-every", "0"};
  run_well(data.train(data / "all", options + Words{"--keep", "99"}));
  std::int64_t best = 0;
  double least = 1e9;
  for (std::int64_t step = 4; step <= 32; step += 4) {
    const auto state = read_train_state(str_cat(data / "all/step-", step, "/state.json"));
    BOOST_TEST(state.score.measure == "evaluation loss");
    if (state.score.value < least) {
      least = state.score.value;
      best = step;
    }
  }
  const auto info = run_well({"info", "--run", data / "all"}).out;
  BOOST_TEST(info.find(str_cat("step-", best, ", evaluation loss ")) != std::string::npos, info);
  run_well(data.train(data / "few", options + Words{"--keep", "1"}));
  std::set<std::int64_t> expected{32, best};
  const auto steps = checkpoint_steps(data / "few");
  BOOST_TEST((std::set<std::int64_t>(steps.begin(), steps.end()) == expected));
  run_well({"sample", "--run", str_cat(data / "few/step-", best), "--count", "2", "--steps", "2", "--out",
            data / "s.png"});
}

BOOST_AUTO_TEST_CASE(a_step_can_be_replayed) {
  const ImageData data;
  const std::string run = data / "run";
  const Words options{"--steps",        "30", "--checkpoint-every", "10",
                      "--sample-every", "0",  "--accumulate",       "2"};
  run_well(data.train(run, options + Words{"--keep", "9"}));
  const auto rows = metrics_of(run);
  const auto before = listing(data.path);
  const auto replay = [&](const Words& words, const std::string& step) {
    return run_well(words + Words{"--replay", step}).out;
  };
  const auto number_behind = [](const std::string& out, const std::string& words) {
    const auto at = out.find(words);
    BOOST_TEST_REQUIRE(at != out.npos, out);
    return std::stod(out.substr(at + words.size()));
  };
  for (const int step : {15, 11, 30}) {
    const auto out = replay({"train", "--resume", "--run", run}, str_cat(step));
    BOOST_TEST(out.find(str_cat("from ", run, "/step-", (step - 1) / 10 * 10)) != std::string::npos, out);
    const auto& row = rows[static_cast<std::size_t>(step - 1)];
    BOOST_TEST(static_cast<float>(number_behind(out, "outcome    loss ")) == static_cast<float>(row[1]));
    BOOST_TEST(static_cast<float>(number_behind(out, ", gradient norm ")) == static_cast<float>(row[2]));
    for (const auto* word :
         {"batch 2", "largest tokens after the blocks", "final_layer.linear.bias", " stripes"})
      BOOST_TEST(out.find(word) != std::string::npos, out << " lacks " << word);
  }
  // Before the first checkpoint, from the start.
  check_refused({"train", "--resume", "--run", run, "--replay", "5"},
                {"a checkpoint before step 5", "got none"});
  const auto out = replay(data.train(run, options), "5");
  BOOST_TEST(static_cast<float>(number_behind(out, "outcome    loss ")) == static_cast<float>(rows[4][1]));
  check_refused({"train", "--resume", "--run", run, "--replay", "31"}, {"one of the 30 steps", "got 31"});
  check_refused(data.train(run, {"--replay", "3"}), {"--steps N as in the run"});
  BOOST_TEST((listing(data.path) == before));
}

BOOST_AUTO_TEST_CASE(a_step_that_went_wrong_can_be_replayed) {
  const ImageData data;
  const std::string run = data / "run";
  const auto outcome =
      pixnerd::test::run(data.train(run, {"--lr", "1000", "--clip", "0", "--warmup", "0", "--steps", "400",
                                          "--checkpoint-every", "1", "--sample-every", "0"}));
  check_refusal(outcome, {"[step ", "finite"});
  const std::string error = outcome.err.substr(outcome.err.find("[step "));
  const std::string step = error.substr(6, error.find(']') - 6);
  const std::string command = str_cat("pixnerd train --resume --run ", run, " --replay ", step, "\n");
  BOOST_TEST(outcome.out.find(command) != std::string::npos, outcome.out);
  BOOST_TEST(fs::exists(str_cat(run, "/step-", std::stoi(step) - 1)));
  const auto before = listing(data.path);
  const auto replay = run_well({"train", "--resume", "--run", run, "--replay", step}).out;
  BOOST_TEST(replay.find("outcome    " + error) != std::string::npos, replay);
  BOOST_TEST((listing(data.path) == before));
}

BOOST_AUTO_TEST_CASE(minutes_become_steps) {
  const ImageData data;
  const auto outcome = run_well(data.train(data / "timed", {"--minutes", "0.05", "--sample-every", "0"}));
  const std::string before = "--steps ", after = " repeats this run";
  const auto begin = outcome.out.find(before), end = outcome.out.find(after);
  BOOST_TEST_REQUIRE((begin != std::string::npos && end != std::string::npos && begin < end), outcome.out);
  const auto steps = outcome.out.substr(begin + before.size(), end - begin - before.size());
  BOOST_TEST(run_well({"info", "--run", data / "timed"}).out.find(steps + " of " + steps) !=
             std::string::npos);
  run_well(data.train(data / "counted", {"--steps", steps, "--sample-every", "0"}));
  for (const auto* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string name = str_cat("/step-", steps, "/", file);
    BOOST_TEST((content(data / "timed" + name) == content(data / "counted" + name)), file << " differs");
  }
}

BOOST_AUTO_TEST_CASE(images_held_out) {
  // Three of the twelve images, other pixels in them in the second run: only what compares checkpoints sees
  // that.
  ImageData data;
  const Words options{"--hold-out", "0.25", "--steps", "8", "--sample-every", "0"};
  const auto outcome = run_well(data.train(data / "first", options));
  BOOST_TEST(outcome.out.find("9 images of 2 classes, 3 more held out") != std::string::npos, outcome.out);
  for (const auto index : hold_out(12, 0.25, 0).held_out) {
    const auto name = str_cat(index < 6 ? "rings/" : "stripes/", index % 6, ".png");
    write_png(data.images() + "/" + name, Image(16, 16));
  }
  run_well(data.train(data / "second", options));
  const auto same = [&](const std::string& file) {
    return content(data / "first/step-8/" + file) == content(data / "second/step-8/" + file);
  };
  BOOST_TEST(same("model.safetensors"));
  BOOST_TEST(!same("state.json"));
  run_well({"train", "--resume", "--run", data / "first", "--steps", "12"});

  // Another image beside them, and others would be held out: of twelve and of thirteen images six are trained
  // on.
  ImageData more;
  const std::string grown = more / "run";
  run_well(more.train(grown, {"--hold-out", "0.5", "--steps", "2", "--sample-every", "0"}));
  write_png(more.images() + "/rings/more.png", Image(16, 16));
  check_refused({"train", "--resume", "--run", grown, "--steps", "4"},
                {"[resume]", "6 images and 6 held out", "got 6 images and 7 held out"});

  check_refused(data.train(data / "run", {"--hold-out", "0.95"}), {"--hold-out", "from 0 to 0.9", "0.95"});
  check_refused({"train", "--resume", "--run", data / "first", "--hold-out", "0.5"},
                {"--hold-out", "0.25", "0.5"});
  check_refused(data.train(data / "run", {"--skin-tones"}), {"--skin-tones is for --data emoji only"}, 2);
  fs::remove_all(data.images() + "/stripes");
  for (int i = 1; i < 6; ++i) fs::remove(data.images() + str_cat("/rings/", i, ".png"));
  check_refused(data.train(data / "run", {"--hold-out", "0.5"}),
                {"--hold-out", "two images or more", "one in"});
  BOOST_TEST(!fs::exists(data / "run"));
}

BOOST_AUTO_TEST_CASE(emoji_and_fashion) {
  if (!fs::exists("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf") ||
      !fs::exists("/usr/share/unicode/emoji/emoji-test.txt")) {
    BOOST_TEST_MESSAGE("skipped: no fonts-noto-color-emoji or no unicode-data");
    return;
  }
  const ImageData data;
  auto words =
      data.train(data / "emoji", {"--steps", "2", "--groups", "Food & Drink", "--sample-every", "0"});
  words[2] = "emoji";
  BOOST_TEST(run_well(words).out.find(" images of 8 classes") != std::string::npos);

  // With skin tones there are five more of each hand.
  words = data.train(data / "people", {"--steps", "1", "--groups", "People & Body", "--sample-every", "0"});
  words[2] = "emoji";
  const auto images = [](const std::string& out) { return std::stoi(out.substr(out.find("emoji, ") + 7)); };
  const int without = images(run_well(words).out);
  words.push_back("--skin-tones");
  words[4] = data / "tones";
  const int with = images(run_well(words).out);
  BOOST_TEST(with > 4 * without, with << " images with skin tones, " << without << " without");
}

BOOST_AUTO_TEST_CASE(a_picture_that_fails_ends_no_run) {
  const Folder folder;
  const program::TrainSettings settings;
  program::RunRecord record(folder / "metrics.csv", 0, settings, false);
  record.try_to([] { throw OutOfMemory("[cpu memory] no room for a picture"); });
  record.try_to([] { throw NonFiniteError("[sample] a picture of nothing"); });
  BOOST_CHECK_THROW(record.try_to([] { throw 1; }), int);
}

BOOST_AUTO_TEST_SUITE_END()
