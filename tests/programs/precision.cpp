// SPDX-License-Identifier: MIT
/// \file
/// Training and sampling in bfloat16.
#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;

BOOST_AUTO_TEST_SUITE(precision)

BOOST_AUTO_TEST_CASE(a_run_keeps_its_precision) {
  const ImageData data;
  const std::string run = data / "run";
  const auto started = run_well(data.train(run, {"--steps", "2", "--precision", "mixed", "--device", "cpu"}));
  BOOST_TEST(started.out.find("precision mixed") != std::string::npos, started.out);
  check_refused({"train", "--resume", "--run", run, "--steps", "4", "--precision", "full"},
                {"--precision \"mixed\"", "got \"full\""});
  const auto resumed = run_well({"train", "--resume", "--run", run, "--steps", "4", "--device", "cpu"});
  BOOST_TEST(resumed.out.find("precision mixed") != std::string::npos, resumed.out);
  for (const std::string name : {"full", "mixed"}) {
    const auto drawn = run_well({"sample", "--run", run, "--count", "2", "--steps", "2", "--device", "cpu",
                                 "--precision", name, "--out", data / "samples.png"});
    BOOST_TEST(drawn.out.find("precision " + name) != std::string::npos, drawn.out);
  }
}

BOOST_AUTO_TEST_CASE(auto_is_full_on_the_cpu) {
  const ImageData data;
  const auto outcome = run_well(data.train(data / "run", {"--steps", "1", "--device", "cpu"}));
  BOOST_TEST(outcome.out.find("cpu (as asked), precision full") != std::string::npos, outcome.out);
}

BOOST_AUTO_TEST_CASE(reference_files) {
  const auto file = str_cat(PIXNERD_TEST_DATA, "/training_repa.safetensors");
  const auto outcome = run_well({"verify", file, "--precision", "mixed", "--device", "cpu"});
  BOOST_TEST(outcome.out.find("pass  ") != std::string::npos, outcome.out);
}

BOOST_AUTO_TEST_SUITE_END()
