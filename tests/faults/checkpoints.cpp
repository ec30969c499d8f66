// SPDX-License-Identifier: MIT
/// \file
/// A disk that fails while checkpoints are saved or read: training goes on, and what cannot be read is not
/// taken for damaged.
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <pixnerd/optim/adamw.hpp>
#include <pixnerd/train/loop.hpp>

#include "fault.hpp"
#include "support/files.hpp"
#include "support/train_tools.hpp"

using namespace pixnerd;
using test::Fault;
using test::Faults;
using test::Folder;

BOOST_FIXTURE_TEST_SUITE(checkpoint_faults, test::FoldersInMemory)

namespace {

using Steps = std::vector<std::int64_t>;

/// Twelve steps with a checkpoint after each fourth, where one of them meets a fault.
struct FaultyRun {
  PixnerdC2i<On<Cpu>> model = test::small_pixnerd(3);
  test::Store store{model};
  TrainOptions options;
  std::vector<std::string> told;

  explicit FaultyRun(const std::string& run) {
    options.run = run;
    options.steps = 12;
    options.checkpoint_every = 4;
    options.noising.null_label = {4};
    options.on_save_failed = [this](const std::exception& error) {
      Faults::instance().disarm();
      told.push_back(error.what());
    };
  }

  /// The checkpoint before may still be being saved, and must not meet the fault in this one's place.
  void wait_for_checkpoint(std::int64_t step) const {
    using namespace std::chrono_literals;
    for (Steps saved; saved.empty() || saved.front() < step; saved = checkpoint_steps(options.run))
      std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);  // what follows its renaming
  }

  /// Trains; the call `number` of saving the checkpoint behind `step` meets the fault.
  void train_with(const Fault& fault, int number, std::int64_t step) {
    TrainState state;
    train(store, AdamW{}, flow_matching_objective(model), test::Noise(2), options, state,
          [&](const StepReport& report) {
            if (report.step != step) return true;
            wait_for_checkpoint(step - 4);
            Faults::instance().arm(fault, number);
            return true;
          });
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(training_goes_on_when_a_checkpoint_cannot_be_saved) {
  const std::vector<Fault> faults = {
      {"the disk is full", test::write_call | test::sync_call, ENOSPC, /*lasting=*/true},
      {"the disk fails", test::write_call | test::folder_call, EIO},
      {"too many open files", test::open_call, EMFILE, /*lasting=*/true},
  };
  const Folder folder;
  std::optional<std::vector<float>> expected;
  for (const Fault& fault : faults) {
    for (const int number : {0, 2}) {
      BOOST_TEST_CONTEXT(fault.name << ", call " << number) {
        const std::string path = folder / str_cat(fault.error, "-", number);
        FaultyRun run(path);
        run.train_with(fault, number, 8);
        BOOST_TEST_REQUIRE(run.told.size() == 1u);
        for (const std::string& word : {path + "/step-8", errno_text(fault.error)})
          BOOST_TEST(run.told[0].find(word) != std::string::npos, run.told[0] << " lacks " << word);
        BOOST_TEST((checkpoint_steps(path) == Steps{12, 4}));
        const auto newest = newest_checkpoint(path);
        BOOST_TEST(newest.path == path + "/step-12");
        FaultyRun again(path);
        load_checkpoint(newest.path, again.store, AdamW{});
        const auto bits = test::bits_of(again.store);
        if (!expected) expected = bits;
        BOOST_TEST(test::equal_bits(bits, *expected));

        // The last one is an error, whether or not anybody listens; so is any where nobody does.
        for (const std::int64_t step : {8, 12}) {
          const std::string other = str_cat(path, "-", step);
          FaultyRun failing(other);
          if (step == 8) failing.options.on_save_failed = {};
          test::check_throws<FileError>([&] { failing.train_with(fault, number, step); },
                                        {str_cat(other, "/step-", step), errno_text(fault.error)});
          Faults::instance().disarm();
          BOOST_TEST(failing.told.empty());
          BOOST_TEST(checkpoint_steps(other).front() == step - 4);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_not_damaged) {
  const Folder folder;
  const std::string path = folder / "run";
  FaultyRun run(path);
  TrainState state;
  const auto save = [&](std::int64_t step, double loss) {
    state.step = step;
    state.score = {"evaluation loss", loss};
    save_checkpoint(path, run.store, state);
  };
  save(4, 0.1);
  save(8, 0.2);
  save(12, 0.3);
  const std::vector<Fault> faults = {
      {"too many open files", test::open_call, EMFILE},
      {"no access", test::open_call | test::status_call, EACCES},
      {"the disk fails", test::open_call | test::status_call | test::read_call, EIO},
  };
  const auto check_every_call = [&](const Fault& fault, auto read, auto check) {
    int number = 0;
    for (bool hit = true; hit; ++number) {
      BOOST_TEST_CONTEXT(fault.name << ", call " << number) {
        Faults::instance().arm(fault, number);
        std::string said;
        try {
          read();
        } catch (const FileError& error) {
          said = error.what();
        }
        hit = Faults::instance().disarm();
        check(said);
        if (!said.empty()) BOOST_TEST(said.find(errno_text(fault.error)) != std::string::npos, said);
      }
    }
    BOOST_TEST(number > 4);
  };
  for (const Fault& fault : faults) {
    // The newest one, or an error that names a file of it.
    std::string found;
    check_every_call(
        fault, [&] { found = newest_checkpoint(path).path; },
        [&](const std::string& said) {
          if (said.empty()) BOOST_TEST(found == path + "/step-12");
          for (const std::string& word : {path + "/step-12/", std::string("move it out of the run")})
            BOOST_TEST((said.empty() || said.find(word) != std::string::npos), said);
          found.clear();
        });
    // Neither the newest nor the best one goes when its score or its files cannot be read.
    check_every_call(
        fault,
        [&] {
          std::set<std::int64_t> whole;
          remove_old_checkpoints(path, 1, whole);
        },
        [&](const std::string& said) {
          const Steps left = checkpoint_steps(path);
          BOOST_TEST((left == (said.empty() ? Steps{12, 4} : Steps{12, 8, 4})), said);
          if (said.empty()) save(8, 0.2);
        });
  }
}

BOOST_AUTO_TEST_SUITE_END()
