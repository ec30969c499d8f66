// SPDX-License-Identifier: MIT
/// \file
/// A training that is killed again and again, at any moment, ends as one that was left alone.
#include <random>

#include <pixnerd/train/manifest.hpp>
#include <pixnerd/train/run_folder.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(kill_program, FoldersInMemory)

namespace {

std::int64_t newest_step(const std::string& run) {
  const auto steps = checkpoint_steps(run);
  return steps.empty() ? 0 : steps.front();
}

/// All files and folders; the sizes of those that hold times differ.
std::set<std::string> names(const std::string& run) {
  std::set<std::string> out;
  for (const auto& name : listing(run)) out.insert(name.substr(0, name.find(' ')));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(killed_again_and_again) {
  const ImageData data;
  const std::string run = data / "run";
  // Every step a checkpoint, and pictures between them; more steps than it gets through before the last kill.
  const Words options{"--steps", "1000", "--checkpoint-every", "1", "--sample-every", "50", "--keep", "2"};
  std::mt19937 random(3);
  for (int kill = 0; kill < 8; ++kill) {
    const std::int64_t before = newest_step(run);
    Program program(data.train(run, before == 0 ? options : options + Words{"--resume"}));
    program.wait_until([&] { return newest_step(run) > before; });
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, 40'000)(random)));
    program.send(SIGKILL);
    BOOST_TEST_REQUIRE(program.finish().status == 128 + SIGKILL, "it was too quick to be killed");
    // Whatever has its name is whole, and it is never behind what was there.
    const auto newest = newest_checkpoint(run);
    BOOST_TEST(newest.damaged.empty());
    BOOST_TEST(newest.path == checkpoint_path(run, newest_step(run)));
    BOOST_TEST(newest_step(run) > before);
  }
  run_well(data.train(run, options + Words{"--resume"}));
  run_well(data.train(data / "whole", options));
  BOOST_TEST(names(run) == names(data / "whole"), boost::test_tools::per_element());
  for (const auto* file :
       {"step-1000/model.safetensors", "step-1000/ema.safetensors", "step-1000/optimizer.safetensors",
        "step-1000/state.json", "samples.png", "samples-000950.png"}) {
    BOOST_TEST((content(str_cat(run, "/", file)) == content(str_cat(data / "whole/", file))), file);
  }
}

BOOST_AUTO_TEST_SUITE_END()
