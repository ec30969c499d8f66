// SPDX-License-Identifier: MIT
/// \file
/// Options, help and exit statuses.
#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(command_line)

BOOST_AUTO_TEST_CASE(help_and_version) {
  for (const std::string example : {"pixnerd sample --prompt ", "pixnerd train --data emoji"})
    BOOST_TEST(run_well({"--help"}).out.find(example) != std::string::npos, example);
  BOOST_TEST(run_well({"--version"}).out.find("pixnerd 0.") == 0u);
  for (const std::string command : {"train", "sample", "verify", "convert", "info"}) {
    const auto outcome = run_well({command, "--help"});
    BOOST_TEST(outcome.out.find("Example") != std::string::npos);
    BOOST_TEST(outcome.err == "");
  }
  const auto verify = run_well({"verify", "--help"}).out;
  for (const std::string kind :
       {"c2i, t2i", "samplers", "training_repa", "dinov2", "interpolate", "qwen3", "tokens"})
    BOOST_TEST(verify.find("\n  " + kind + "  ") != std::string::npos, kind);
  // Defaults are part of the help.
  BOOST_TEST(run_well({"train", "--help"}).out.find("peak learning rate [0.001]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(unknown_words) {
  check_refused({"train", "--data", "emoji", "--colour", "red"}, {"--colour", "pixnerd train --help"}, 2);
  check_refused({"sample", "--bar"}, {"--bar", "pixnerd sample --help"}, 2);
  check_refused({"dance"}, {"dance", "pixnerd --help"}, 2);
  check_refused({"info", "a", "b"}, {"b", "pixnerd info --help"}, 2);
}

BOOST_AUTO_TEST_CASE(missing_words) {
  check_refused({}, {"subcommand", "pixnerd --help"}, 2);
  check_refused({"train"}, {"--data is required"}, 2);
  check_refused({"verify"}, {"required"}, 2);
  check_refused({"sample"}, {"--run DIR or --weights FILE"});
}

BOOST_AUTO_TEST_CASE(values_out_of_range) {
  const ImageData data;
  const std::string run = data / "run";
  const auto train = [&](const Words& words) {
    return Words{"train", "--data", data.images(), "--run", run} + words;
  };
  check_refused(train({"--size", "many"}), {"--size", "many"}, 2);
  check_refused(train({"--steps", "3", "--minutes", "1"}), {"--steps", "--minutes"}, 2);
  check_refused(train({"--minutes", "-1"}), {"--minutes", "-1"}, 2);
  check_refused(train({"--minutes", "nan"}), {"--minutes", "nan"}, 2);
  check_refused(train({"--size", "0"}), {"--size", "from 1 to", "got 0"});
  check_refused(train({"--size", "36"}), {"--size", "multiple of the patch, 8", "got 36"});
  check_refused(train({"--width", "190"}), {"--heads", "divides the width, 190", "got 6"});
  check_refused(train({"--width", "36"}), {"--heads", "multiple of 4", "got 6"});
  check_refused(train({"--width", "2064", "--heads", "4"}), {"--heads", "at most 512", "got 4"});
  check_refused(train({"--groups", "all"}), {"--groups", "--data emoji"}, 2);
  check_refused(train({"--seed", "-1"}), {"--seed", "from 0 to", "got -1"});
  check_refused(train({"--steps", "0"}), {"--steps", "from 1 to", "got 0"});
  check_refused(train({"--lr", "nan"}), {"--lr", "got nan"});
  check_refused(train({"--ema", "1.5"}), {"--ema", "from 0 to 1", "got 1.5"});
  check_refused(train({"--schedule", "linear"}), {"--schedule", "cosine or constant", "got linear"});
  check_refused(train({"--time", "noon"}), {"--time", "lognormal or uniform", "got noon"});
  check_refused(train({"--device", "tpu"}), {"--device", "auto, cpu, cuda or cuda:N", "got tpu"});
  check_refused(train({"--device", "cuda:x"}), {"--device", "auto, cpu, cuda or cuda:N", "got cuda:x"});
  check_refused(train({"--device", "cuda:999"}), {"--device", "got cuda:999"});
  check_refused(train({"--precision", "half"}), {"--precision", "auto or full or mixed", "got half"});
  check_refused(train({"--threads", "0"}), {"--threads", "0"}, 2);
  check_refused({"train", "--data", "emoji", "--groups", "Dinosaurs", "--run", run},
                {"Animals & Nature", "got 'Dinosaurs'"});
  check_refused({"sample", "--run", run, "--solver", "newton"}, {"--solver", "newton"}, 2);
  for (const std::string seed : {"-1", "9223372036854775807", "99999999999999999999"})
    check_refused({"sample", "--run", run, "--seed", seed}, {"--seed", seed}, 2);
  BOOST_TEST(data.entries() == 1);
}

BOOST_AUTO_TEST_CASE(sample_takes_the_shift_of_its_run) {
  const ImageData data;
  run_well(data.train(data / "run", {"--steps", "2", "--sample-every", "0", "--shift", "3"}));
  const Words sample{"sample",  "--run", data / "run", "--count",     "2",
                     "--steps", "2",     "--out",      data / "s.png"};
  const auto says = [&](const Words& options, const std::string& word) {
    const auto outcome = run_well(sample + options);
    BOOST_TEST(outcome.out.find(word) != std::string::npos, outcome.out << " lacks " << word);
  };
  says({}, "interval 0.1 1, shift 3, seed 0");
  says({"--shift", "2"}, "shift 2, seed 0");
  says({"--solver", "heun"}, "guidance 2.5, shift 3");
}

BOOST_AUTO_TEST_CASE(info_about_the_program) {
  const auto outcome = run_well({"info"});
  for (const std::string word : {"version", "instructions", "threads", "memory", "CUDA"}) {
    BOOST_TEST(outcome.out.find(word) != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
