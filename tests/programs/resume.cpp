// SPDX-License-Identifier: MIT
/// \file
/// A run that was interrupted and goes on ends with the same bits as one that was not.
#include <csignal>

#include <pixnerd/train/manifest.hpp>
#include <pixnerd/train/run_folder.hpp>
#include <pixnerd/train/run_lock.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(resume)

namespace {

constexpr const char* files[] = {"model.safetensors", "ema.safetensors", "optimizer.safetensors",
                                 "state.json", "manifest.json"};

void check_same_checkpoint(const std::string& a, const std::string& b) {
  for (const auto* file : files) {
    BOOST_TEST((content(str_cat(a, "/", file)) == content(str_cat(b, "/", file))),
               a << " and " << b << ": " << file);
  }
}

/// The steps of metrics.csv, which must be 1 ... n.
std::int64_t metrics_steps(const std::string& run) {
  const std::string all = content(run + "/metrics.csv");
  std::int64_t steps = 0;
  for (std::size_t at = all.find('\n') + 1; at < all.size(); at = all.find('\n', at) + 1) {
    BOOST_TEST(all.substr(at).starts_with(str_cat(++steps, ",")));
  }
  return steps;
}

bool has_leftovers(const std::string& run) {
  for (const auto& name : listing(run)) {
    if (name.find(".tmp") != name.npos) return true;
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(threads_change_nothing) {
  const ImageData data;
  for (const std::string threads : {"1", "2", "5"}) {
    run_well(data.train(data / threads, {"--steps", "30", "--threads", threads, "--accumulate", "2"}));
    check_same_checkpoint(data / threads + "/step-30", data / "1/step-30");
    BOOST_TEST((content(data / threads + "/samples.png") == content(data / "1/samples.png")));
  }
}

BOOST_AUTO_TEST_CASE(interrupted_by_a_signal) {
  const ImageData data;
  const Words options{"--steps", "1500", "--checkpoint-every", "100", "--sample-every", "0"};
  run_well(data.train(data / "whole", options));
  std::signal(SIGHUP, SIG_DFL);  // the program would inherit that it is ignored
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string run = data / str_cat("part", signal);
    Program program(data.train(run, options));
    program.wait_until([&] { return fs::exists(run + "/step-100"); });
    program.send(signal);
    const auto outcome = program.finish();
    BOOST_TEST(outcome.status == 0, outcome.err);
    BOOST_TEST_REQUIRE(!fs::exists(run + "/step-1500"), "the run was too quick to be interrupted");
    BOOST_TEST(outcome.out.find("pixnerd train --resume --run " + run) != std::string::npos, outcome.out);
    BOOST_TEST(fs::exists(run + "/loss.png"));
    BOOST_TEST(!has_leftovers(run));
    const auto stopped = metrics_steps(run);
    BOOST_TEST(fs::exists(str_cat(run, "/step-", stopped)));

    // With the options of the start, or none.
    run_well(signal == SIGINT ? data.train(run, options + Words{"--resume"})
                              : Words{"train", "--resume", "--run", run, "--sample-every", "0"});
    check_same_checkpoint(run + "/step-1500", data / "whole/step-1500");
    BOOST_TEST((content(run + "/samples.png") == content(data / "whole/samples.png")));
    BOOST_TEST(metrics_steps(run) == 1500);
  }
}

BOOST_AUTO_TEST_CASE(interrupted_while_it_draws) {
  const ImageData data;
  const std::string run = data / "run";
  Program program(data.train(run, {"--steps", "1500", "--sample-every", "1"}));
  program.wait_until([&] { return fs::exists(run + "/samples-000003.png"); });
  program.send(SIGINT);
  BOOST_TEST(program.finish().status == 0);
  const auto stopped = metrics_steps(run);
  BOOST_TEST(stopped < 1500);
  BOOST_TEST(fs::exists(str_cat(run, "/step-", stopped)), "no step-" << stopped);
}

BOOST_AUTO_TEST_CASE(interrupted_before_it_begins) {
  const ImageData data;
  // Steps that take so long that it is still measuring them.
  Program program(data.train(data / "run", {"--accumulate", "500", "--minutes", "1"}));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  program.send(SIGINT);
  const auto outcome = program.finish();
  BOOST_TEST(outcome.status == 128 + SIGINT);
  BOOST_TEST(outcome.out.find("nothing was saved") != std::string::npos, outcome.out);
  BOOST_TEST(!fs::exists(data / "run"));
}

BOOST_AUTO_TEST_CASE(killed) {
  const ImageData data;
  const std::string run = data / "run";
  const Words options{"--steps", "1500", "--checkpoint-every", "150", "--sample-every", "0"};
  Program program(data.train(run, options));
  program.wait_until([&] { return fs::exists(run + "/step-300"); });
  program.send(SIGKILL);
  BOOST_TEST(program.finish().status == 128 + SIGKILL);
  BOOST_TEST_REQUIRE(!fs::exists(run + "/step-1500"), "the run was too quick to be killed");
  run_well({"train", "--resume", "--run", run, "--sample-every", "0"});
  run_well(data.train(data / "whole", options));
  check_same_checkpoint(run + "/step-1500", data / "whole/step-1500");
  BOOST_TEST(metrics_steps(run) == 1500);
  BOOST_TEST(!has_leftovers(run));
}

BOOST_AUTO_TEST_CASE(killed_in_the_middle_of_accumulation) {
  const ImageData data;
  const std::string run = data / "run";
  // A step takes 300 batches, so it is within one that the process ends.
  const Words options{"--steps",        "12", "--checkpoint-every", "3",
                      "--sample-every", "0",  "--accumulate",       "300"};
  run_well(data.train(data / "whole", options));
  std::string threads = "1";
  for (const std::int64_t step : {3, 6}) {
    Program program(step == 3 ? data.train(run, options + Words{"--threads", threads})
                              : Words{"train", "--resume", "--run", run, "--sample-every", "0",
                                      "--checkpoint-every", "3", "--threads", threads});
    program.wait_until([&] { return fs::exists(str_cat(run, "/step-", step)); });
    program.send(SIGKILL);
    BOOST_TEST(program.finish().status == 128 + SIGKILL);
    BOOST_TEST_REQUIRE(!fs::exists(run + "/step-12"), "the run was too quick to be killed");
    threads = "5";
  }
  run_well({"train", "--resume", "--run", run, "--sample-every", "0", "--threads", "2"});
  check_same_checkpoint(run + "/step-12", data / "whole/step-12");
  BOOST_TEST(metrics_steps(run) == 12);
  BOOST_TEST(!has_leftovers(run));
}

BOOST_AUTO_TEST_CASE(skipped_steps_are_remembered) {
  const ImageData data;
  const Words options{"--steps",         "60",  "--checkpoint-every", "30",
                      "--skip-outliers", "1.2", "--sample-every",     "0"};
  const auto whole = run_well(data.train(data / "whole", options));
  BOOST_TEST(whole.out.find("of the steps, whose gradients were outliers") != std::string::npos, whole.out);
  BOOST_TEST(whole.err.find(" is skipped: the norm of its gradient is ") != std::string::npos, whole.err);
  fs::create_directory(data.path / "run");
  fs::copy(data.path / "whole/step-30", data.path / "run/step-30");
  run_well({"train", "--resume", "--run", data / "run", "--sample-every", "0", "--threads", "1"});
  check_same_checkpoint(data / "run/step-60", data / "whole/step-60");
  BOOST_TEST(run_well({"info", "--run", data / "run"}).out.find("\nskipped ") != std::string::npos);
  check_refused(data.train(data / "none", {"--steps", "5", "--skip-outliers", "0.5"}),
                {"--skip-outliers 0 or above 1", "got 0.5"});
}

BOOST_AUTO_TEST_CASE(finished_runs_can_be_made_longer) {
  const ImageData data;
  const Words constant{"--schedule", "constant", "--sample-every", "0"};
  run_well(data.train(data / "run", constant + Words{"--steps", "10"}));
  // Nothing is left to do; the pictures are drawn again.
  fs::remove(data.path / "run/samples.png");
  const auto outcome = run_well({"train", "--resume", "--run", data / "run"});
  BOOST_TEST(outcome.out.find("trained    nothing") != std::string::npos, outcome.out);
  BOOST_TEST(fs::exists(data / "run/samples.png"));
  run_well({"train", "--resume", "--run", data / "run", "--steps", "25"});
  run_well(data.train(data / "whole", constant + Words{"--steps", "25"}));
  check_same_checkpoint(data / "run/step-25", data / "whole/step-25");
  check_refused({"train", "--resume", "--run", data / "run", "--steps", "20"}, {"--steps", "25", "got 20"});
}

BOOST_AUTO_TEST_CASE(a_damaged_checkpoint_is_passed_over) {
  const ImageData data;
  const std::string run = data / "run";
  const Words options{"--steps", "40", "--checkpoint-every", "20", "--sample-every", "0"};
  run_well(data.train(run, options));
  fs::copy(run, data.path / "whole", fs::copy_options::recursive);
  fs::resize_file(run + "/step-40/ema.safetensors", 100);
  const auto outcome = run_well({"train", "--resume", "--run", run});
  BOOST_TEST(outcome.err.find("step-40") != std::string::npos, outcome.err);
  check_same_checkpoint(run + "/step-40", data / "whole/step-40");
}

BOOST_AUTO_TEST_CASE(the_last_whole_checkpoint_is_kept) {
  const ImageData data;
  const std::string run = data / "run";
  run_well(data.train(run, {"--steps", "40", "--checkpoint-every", "20", "--sample-every", "0"}));
  fs::resize_file(run + "/step-40/ema.safetensors", 100);
  const Words resume{"train", "--resume", "--run", run, "--keep", "1", "--sample-every", "0"};
  // Without room for another, and then as one that has a damaged one behind it.
  check_refusal(pixnerd::test::run(resume, 20'000), {"room for", "step-40"});
  BOOST_TEST(manifest_problem(run + "/step-20") == "");
  run_well(resume + Words{"--steps", "30"});
  BOOST_TEST(manifest_problem(run + "/step-30") == "");
  BOOST_TEST(!fs::exists(run + "/step-20"));
}

BOOST_AUTO_TEST_CASE(saving_goes_on_as_it_was) {
  const ImageData data;
  const std::string run = data / "run";
  const auto steps = [&] {
    const auto found = checkpoint_steps(run);
    return std::set<std::int64_t>(found.begin(), found.end());
  };
  run_well(
      data.train(run, {"--steps", "12", "--checkpoint-every", "2", "--keep", "99", "--sample-every", "0"}));
  run_well({"train", "--resume", "--run", run, "--steps", "18"});
  BOOST_TEST((steps() == std::set<std::int64_t>{2, 4, 6, 8, 10, 12, 14, 16, 18}));
  const auto info = run_well({"info", "--run", run}).out;
  BOOST_TEST(info.find("  keep           99\n") != std::string::npos, info);
  // What is given counts, and is remembered.
  for (const Words& options : {Words{"--keep", "1", "--steps", "19"}, Words{"--steps", "20"}}) {
    run_well(Words{"train", "--resume", "--run", run} + options);
    BOOST_TEST(steps().size() <= 2u);  // with the best one
  }
  BOOST_TEST(!fs::exists(run + "/samples-000018.png"));
}

BOOST_AUTO_TEST_CASE(one_process_at_a_time) {
  const ImageData data;
  const std::string run = data / "run";
  run_well(data.train(run, {"--steps", "4", "--checkpoint-every", "2", "--sample-every", "0"}));
  const auto before = listing(data.path);
  {
    const RunLock lock(run);
    check_refused({"train", "--resume", "--run", run, "--steps", "8"}, {"no other process", run});
    run_well({"train", "--resume", "--run", run, "--replay", "3"});
    BOOST_TEST((listing(data.path) == before));
    const RunLock empty(data / "empty");
    check_refused(data.train(data / "empty", {"--steps", "4"}), {"no other process", "empty"});
    BOOST_TEST(fs::exists(data / "empty"));
  }
  // One that comes first while the other measures: its work stays.
  Program late(data.train(data / "both", {"--accumulate", "50", "--minutes", "0.05"}));
  late.wait_until([&] { return late.out().find("run ") != std::string::npos; });
  run_well(data.train(data / "both", {"--steps", "1", "--sample-every", "0"}));
  const auto refused = late.finish();
  check_refusal(refused, {"both"});
  // Where its measuring takes no longer than the other's training, that one still has the folder.
  BOOST_TEST((refused.err.find("one that is in use") != refused.err.npos ||
              refused.err.find("no other process") != refused.err.npos),
             refused.err);
  BOOST_TEST(manifest_problem(data / "both/step-1") == "");
  BOOST_TEST(fs::exists(data / "both/samples.png"));
}

BOOST_AUTO_TEST_CASE(nobody_reads_the_log) {
  const ImageData data;
  const std::string run = data / "run";
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Program program(data.train(run, {"--steps", "500", "--sample-every", "0", "--skip-outliers", "1.01"}), 0,
                  ends[1]);
  ::close(ends[1]);
  program.wait_until([&] { return fs::exists(run + "/metrics.csv"); });
  ::close(ends[0]);
  const auto outcome = program.finish();
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(manifest_problem(run + "/step-500") == "");
}

BOOST_AUTO_TEST_CASE(metrics_that_are_gone) {
  const ImageData data;
  const std::string run = data / "run";
  run_well(data.train(run, {"--steps", "4", "--sample-every", "0"}));
  BOOST_TEST(run_well({"train", "--resume", "--run", run, "--steps", "6"}).err.find("lacks") ==
             std::string::npos);
  fs::remove(run + "/metrics.csv");
  const auto told = run_well({"train", "--resume", "--run", run, "--steps", "8"}).err;
  BOOST_TEST(told.find(str_cat("of the 6 steps before, '", run, "/metrics.csv' lacks 6")) != told.npos, told);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_resumed) {
  const ImageData data;
  run_well(data.train(data / "run", {"--steps", "4", "--sample-every", "0"}));
  const auto before = listing(data.path);
  check_refused({"train", "--resume", "--run", data / "run/step-4", "--steps", "8"},
                {"the folder of a run", "step-4", "a checkpoint"});
  check_refused({"train", "--resume", "--run", data / "run", "--minutes", "1"},
                {"--steps N", "got --minutes"});
  BOOST_TEST((listing(data.path) == before));
}

BOOST_AUTO_TEST_SUITE_END()
