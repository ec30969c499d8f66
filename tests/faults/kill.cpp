// SPDX-License-Identifier: MIT
/// \file
/// 200 processes that save checkpoints are killed at random moments: what is found afterwards is whole and
/// new.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include <pixnerd/core/thread_pool.hpp>
#include <pixnerd/train/checkpoint.hpp>

#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;
namespace fs = std::filesystem;
using test::bits_of;
using test::equal_bits;
using test::Folder;

BOOST_FIXTURE_TEST_SUITE(kill_tests, test::FoldersInMemory)

namespace {

/// Memory that a killed process leaves to the one that started it.
struct Shared {
  std::atomic<std::int64_t> begun,
      saved;  ///< the last checkpoint that it began to save, and the last that it has
};

struct Training {
  test::TinyModel model{1};
  test::Store store{model};

  Training() { store.start_average(); }

  TrainState state_at(std::int64_t step) const { return {{step, 7 * step, 3}, {{"step", step}}}; }
  /// What a step computes: numbers that depend on its number alone.
  void do_step(std::int64_t step) { test::fill_store(store, static_cast<std::uint64_t>(step)); }
};

/// Goes on where the folder stands, and saves each step, until it is killed.
[[noreturn]] void train_for_ever(const std::string& run, Shared& shared) {
  try {
    Training training;
    std::int64_t step = 0;
    if (const auto newest = newest_checkpoint(run); !newest.path.empty()) {
      step = load_checkpoint(newest.path, training.store, AdamW{}).step;
    }
    for (;;) {
      training.do_step(++step);
      shared.begun = step;
      save_checkpoint(run, training.store, training.state_at(step));
      shared.saved = step;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(1);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_hundred_kills_while_saving) {
  const Folder folder;
  const std::string run = folder / "run";
  set_thread_count(1);  // a forked process has no other threads
  auto* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  BOOST_REQUIRE(memory != MAP_FAILED);
  Shared& shared = *new (memory) Shared{};
  std::mt19937 random(7);
  Training expected, loaded;
  std::int64_t last = 0;  // the step that the run stands at
  int between = 0;        // kills that came while a checkpoint was written
  for (int kill = 0; kill < 200; ++kill) {
    BOOST_TEST_CONTEXT("kill " << kill << " behind step " << last) {
      shared.begun = shared.saved = last;
      const pid_t child = ::fork();
      if (child == 0) train_for_ever(run, shared);
      BOOST_REQUIRE(child > 0);
      // Most of a process's life is saving: wait until it has begun, and then for up to about two
      // checkpoints.
      while (shared.begun == last && ::waitpid(child, nullptr, WNOHANG) == 0) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, 4000)(random)));
      ::kill(child, SIGKILL);
      int status = 0;
      BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
      BOOST_TEST_REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
      const std::int64_t begun = shared.begun, saved = shared.saved;

      // Nothing is damaged, and no step that was saved is lost.
      const auto newest = newest_checkpoint(run);
      BOOST_TEST(newest.damaged.empty());
      if (newest.path.empty()) {
        BOOST_TEST(saved == 0);
        continue;
      }
      const TrainState state = load_checkpoint(newest.path, loaded.store, AdamW{});
      BOOST_TEST((state.step == saved || state.step == begun), state.step << ", " << saved << " was saved");
      BOOST_TEST(state.samples == 7 * state.step);
      BOOST_TEST(state.configuration["step"] == state.step);
      expected.do_step(state.step);
      BOOST_TEST(equal_bits(bits_of(loaded.store), bits_of(expected.store)));
      last = state.step;
      between += begun > saved ? 1 : 0;

      // What was begun goes with the next run; here with every other one, so that leftovers meet a child,
      // too.
      if (kill % 2 == 0) {
        open_run_folder(run);
        for (const auto& entry : fs::directory_iterator(run)) {
          BOOST_TEST(entry.path().filename().string().starts_with("step-"), entry.path());
        }
      }
      for (const auto step : checkpoint_steps(run)) {
        if (step < last - 2) fs::remove_all(checkpoint_path(run, step));
      }
    }
  }
  ::munmap(memory, sizeof(Shared));
  BOOST_TEST_MESSAGE(last << " checkpoints, " << between << " of 200 kills in the middle of one");
  BOOST_TEST(between > 100);
}

BOOST_AUTO_TEST_SUITE_END()
