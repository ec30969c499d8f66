// SPDX-License-Identifier: MIT
/// \file
/// A disk that has no room: what was whole stays whole, nothing else stays.
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include <pixnerd/image/read_image.hpp>
#include <pixnerd/train/run_folder.hpp>

#include "program.hpp"

using namespace pixnerd;
using namespace pixnerd::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(full_disk)

namespace {

/// A small disk of its own, where mounting one is allowed.
struct SmallDisk {
  Folder folder;
  bool mounted = false;

  explicit SmallDisk(std::uint64_t bytes) {
    mounted = ::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, str_cat("size=", bytes).c_str()) == 0;
    if (!mounted) BOOST_TEST_MESSAGE("skipped: no small disk can be mounted here: " << std::strerror(errno));
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted) ::umount(folder.path.c_str());
  }
};

std::uint64_t checkpoint_bytes(const std::string& checkpoint) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(checkpoint)) bytes += entry.file_size();
  return bytes;
}

const Words three_checkpoints{"--steps", "30", "--checkpoint-every", "10", "--sample-every", "0",
                              "--keep",  "9"};

}  // namespace

BOOST_AUTO_TEST_CASE(no_room_for_checkpoints) {
  const ImageData data;
  const auto outcome = run(data.train(data / "run", three_checkpoints), 20'000);
  // With nothing saved, the first one ends the run: not the last, after hours.
  check_refusal(outcome, {"room for", "step-10", "File too large"});
  BOOST_TEST((listing(data / "run") ==
              std::set<std::string>{str_cat("metrics.csv ", fs::file_size(data / "run/metrics.csv"))}));
  const std::string metrics = content(data / "run/metrics.csv");
  const auto lines = std::count(metrics.begin(), metrics.end(), '\n');
  BOOST_TEST(lines >= 11);
  BOOST_TEST(lines < 31);
}

/// A place that becomes free again while the run goes on: nothing of the run is lost.
BOOST_AUTO_TEST_CASE(room_again) {
  const ImageData data;
  const Words steps{"--steps", "2000", "--checkpoint-every", "100", "--sample-every", "0", "--keep", "1"};
  run_well(data.train(data / "whole", steps));
  const SmallDisk disk(3 * checkpoint_bytes(data / "whole/step-2000") + 400'000);
  if (!disk.mounted) return;
  const std::string run = disk.folder / "run", filler = disk.folder / "filler";
  Program program(data.train(run, steps));
  program.wait_until([&] { return fs::exists(run) && !checkpoint_steps(run).empty(); });
  program.wait_until([&] {
    // What an unfinished checkpoint gives back is taken, too.
    std::ofstream fill(filler, std::ios::binary | std::ios::app);
    const std::string block(4096, 'x');
    while (fill << block << std::flush) {
    }
    return program.err().find("the run goes on") != std::string::npos;
  });
  fs::remove(filler);
  const auto outcome = program.finish();
  BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
  const std::string metrics = content(run + "/metrics.csv");
  BOOST_TEST(std::count(metrics.begin(), metrics.end(), '\n') == 2001);
  for (const auto* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors"})
    BOOST_TEST(
        (content(str_cat(run, "/step-2000/", file)) == content(str_cat(data / "whole/step-2000/", file))),
        file);
}

BOOST_AUTO_TEST_CASE(no_room_for_the_picture) {
  const ImageData data;
  run_well(data.train(data / "run", {"--steps", "5", "--sample-every", "0"}));
  const auto before = listing(data.path);
  check_refusal(run({"sample", "--run", data / "run", "--out", data / "s.png", "--steps", "2"}, 1000),
                {"room for", "s.png", "File too large"});
  BOOST_TEST((listing(data.path) == before));
}

BOOST_AUTO_TEST_CASE(small_disks) {
  const ImageData data;
  run_well(data.train(data / "whole", three_checkpoints));
  const std::uint64_t one = checkpoint_bytes(data / "whole/step-10");
  for (const double room : {0.7, 1.6, 2.6}) {
    const SmallDisk disk(static_cast<std::uint64_t>(room * static_cast<double>(one)) + 16'384);
    if (!disk.mounted) return;
    const std::string run = disk.folder / "run";
    const std::string failed = room < 1 ? "step-10" : "step-30";
    check_refused(data.train(run, three_checkpoints), {"room for", failed, "No space left on device"});
    if (room < 1) {
      BOOST_TEST(listing(run).size() == 1u);
      BOOST_TEST(fs::exists(run + "/metrics.csv"));
      continue;
    }
    // Earlier checkpoints are whole, nothing is half-written.
    for (const auto& entry : fs::directory_iterator(run)) {
      const std::string name = entry.path().filename();
      BOOST_TEST((name == "step-10" || name == "step-20" || name == "metrics.csv"), name);
      if (entry.is_directory()) BOOST_TEST(manifest_problem(entry.path()) == "");
    }
    BOOST_TEST(fs::exists(run + (room < 2 ? "/step-10" : "/step-20")));
    BOOST_TEST(content(run + "/metrics.csv").ends_with('\n'));

    // With room again, the run goes on as if nothing had happened.
    fs::copy(run, data.path / str_cat("freed", room), fs::copy_options::recursive);
    const std::string freed = data / str_cat("freed", room);
    run_well({"train", "--resume", "--run", freed});
    for (const auto* file : {"model.safetensors", "ema.safetensors", "optimizer.safetensors"}) {
      BOOST_TEST(
          (content(str_cat(freed, "/step-30/", file)) == content(str_cat(data / "whole/step-30/", file))));
    }
  }
}

/// A disk that becomes read-only below a run, as one does when it fails: what it holds is read, and nothing
/// else happens.
BOOST_AUTO_TEST_CASE(a_disk_that_is_read_only) {
  const ImageData data;
  const SmallDisk disk(10'000'000);
  if (!disk.mounted) return;
  const std::string run = disk.folder / "run";
  run_well(data.train(run, {"--steps", "4", "--sample-every", "0"}));
  BOOST_REQUIRE(::mount("tmpfs", disk.folder.path.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  const auto before = listing(disk.folder.path);
  check_refused({"train", "--resume", "--run", run, "--steps", "8"}, {"Read-only file system", run});
  check_refused(data.train(disk.folder / "other", {"--steps", "4"}), {"Read-only file system", "other"});
  check_refused({"sample", "--run", run, "--out", disk.folder / "s.png", "--steps", "2"},
                {"Read-only file system", "s.png"});
  run_well({"sample", "--run", run, "--out", data / "s.png", "--steps", "2"});
  BOOST_TEST((listing(disk.folder.path) == before));
}

BOOST_AUTO_TEST_SUITE_END()
