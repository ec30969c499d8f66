// SPDX-License-Identifier: MIT
/// \file
/// Running the program pixnerd and looking at what it did.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <pixnerd/image/png.hpp>
#include <pixnerd/io/file.hpp>

#include "support/files.hpp"

namespace pixnerd::test {

using Words = std::vector<std::string>;

inline std::string content(const std::string& path) {
  const auto bytes = read_file(path, std::uint64_t{1} << 30);
  return {bytes.begin(), bytes.end()};
}

/// How a run of the program ended, and what it said.
struct Outcome {
  int status = -1;  ///< exit status; 128 + the signal that killed it
  std::string out, err;
};

/// A running pixnerd whose output goes to files of a folder of its own.
class Program {
 public:
  /// `most_bytes`, where it is not 0, is the size that no file may pass, as on a disk that is full. `output`,
  /// where it is not negative, takes what would go to the files.
  explicit Program(const Words& arguments, std::uint64_t most_bytes = 0, int output = -1) {
    // Another program may stand in for the one that was built, as one with an emulated GPU.
    const char* const other = std::getenv("PIXNERD_TEST_PROGRAM");
    std::vector<char*> argv{const_cast<char*>(other != nullptr ? other : PIXNERD_PROGRAM)};
    for (const auto& word : arguments) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const std::string out = folder_ / "out", err = folder_ / "err";
    child_ = ::fork();
    if (child_ == 0) {
      const auto redirect = [](const char* path, int flags, int to) {
        const int file = ::open(path, flags, 0600);
        if (file < 0 || ::dup2(file, to) < 0) ::_exit(126);
      };
      redirect("/dev/null", O_RDONLY, 0);
      redirect(out.c_str(), O_WRONLY | O_CREAT, 1);
      redirect(err.c_str(), O_WRONLY | O_CREAT, 2);
      if (output >= 0 && (::dup2(output, 1) < 0 || ::dup2(output, 2) < 0)) ::_exit(124);
      if (most_bytes > 0) {
        const rlimit limit{most_bytes, most_bytes};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || ::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) ::_exit(125);
      }
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    BOOST_REQUIRE(child_ > 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }

  /// What it has said so far.
  std::string out() const { return said("out"); }
  std::string err() const { return said("err"); }

  void send(int signal) const { ::kill(child_, signal); }

  /// Waits until `ready` is true; fails the test after a minute or when the program ends before.
  template <class Ready>
  void wait_until(Ready ready) {
    for (int i = 0; i < 6000 && !ready(); ++i) {
      int status = 0;
      if (::waitpid(child_, &status, WNOHANG) == child_) {
        child_ = -1;
        BOOST_FAIL("the program ended early: " << content(folder_ / "err"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    BOOST_REQUIRE(ready());
  }

  /// Waits for its end.
  Outcome finish() {
    int status = 0;
    BOOST_REQUIRE(::waitpid(child_, &status, 0) == child_);
    child_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(folder_ / "out"),
            content(folder_ / "err")};
  }

 private:
  std::string said(const std::string& file) const {
    const std::string path = folder_ / file;
    return std::filesystem::exists(path) ? content(path) : "";
  }

  Folder folder_;
  pid_t child_ = -1;
};

inline Outcome run(const Words& arguments, std::uint64_t most_bytes = 0) {
  return Program(arguments, most_bytes).finish();
}

/// Runs the program, which must succeed.
inline Outcome run_well(const Words& arguments) {
  auto outcome = run(arguments);
  BOOST_TEST_REQUIRE(outcome.status == 0, "exit status " << outcome.status << ": " << outcome.err);
  return outcome;
}

/// The program must have ended with `status` and said why in one last line "pixnerd: ..." that holds every
/// one of `words`.
inline void check_refusal(const Outcome& outcome, const Words& words, int status = 1) {
  BOOST_TEST(outcome.status == status, "exit status " << outcome.status << ": " << outcome.err);
  std::string last = outcome.err;
  BOOST_TEST_REQUIRE(last.ends_with('\n'), "'" << last << "' ends in the middle of a line");
  last.pop_back();
  last = last.substr(last.rfind('\n') + 1);
  BOOST_TEST(last.starts_with("pixnerd: "), "'" << last << "' does not say who speaks");
  BOOST_TEST(outcome.err.find("pixnerd: ") == outcome.err.rfind("pixnerd: "),
             "more than one: " << outcome.err);
  for (const auto& word : words) {
    BOOST_TEST(last.find(word) != last.npos, "'" << last << "' lacks '" << word << "'");
  }
}

inline void check_refused(const Words& arguments, const Words& words, int status = 1) {
  check_refusal(run(arguments), words, status);
}

/// The names of all files and folders below a folder, with the files' sizes.
inline std::set<std::string> listing(const std::filesystem::path& root) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto name = std::filesystem::relative(entry.path(), root).string();
    names.insert(entry.is_regular_file() ? str_cat(name, " ", entry.file_size()) : name);
  }
  return names;
}

inline Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// A folder with training images: two classes of six images, 16 x 16 pixels, all different.
struct ImageData : Folder {
  ImageData() {
    for (int label = 0; label < 2; ++label) {
      const std::string name = label == 0 ? "images/rings" : "images/stripes";
      std::filesystem::create_directories(path / name);
      for (int i = 0; i < 6; ++i) write_png(*this / str_cat(name, "/", i, ".png"), picture(label, i));
    }
  }

  std::string images() const { return *this / "images"; }

  /// What trains a very small model on them.
  Words train(const std::string& run, const Words& more = {}) const {
    return Words{"train", "--data",           images(), "--run",   run, "--size",   "16", "--patch",
                 "8",     "--width",          "16",     "--heads", "2", "--depth",  "1",  "--field-depth",
                 "1",     "--field-features", "4",      "--batch", "4", "--warmup", "5"} +
           more;
  }

 private:
  static Image picture(int label, int i) {
    Image image(16, 16);
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 16; ++x) {
        const double distance = label == 0 ? std::hypot(x - 7.5, y - 7.5) : x;
        const double wave = 127.5 + 120 * std::sin(distance + i);
        for (int c = 0; c < 3; ++c)
          image.pixel(y, x)[c] = static_cast<std::uint8_t>(wave / (c == i % 3 ? 1 : 2));
      }
    }
    return image;
  }
};

/// Training on `images` must fail with these words, and leave nothing behind.
inline void check_untrainable(const ImageData& data, const Words& words, const Words& options = {}) {
  const auto before = listing(data.path);
  check_refused(data.train(data / "new/run", Words{"--steps", "20"} + options), words);
  BOOST_TEST((listing(data.path) == before));
}

}  // namespace pixnerd::test
