// SPDX-License-Identifier: MIT
/// \file
/// Shared by tests that use files: a scratch folder, and a check of an error's type and message.
#pragma once

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace pixnerd::test {

/// A new empty folder, removed with its contents.
struct Folder {
  std::filesystem::path path;

  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "pixnerd-test-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }

  std::string operator/(const std::string& name) const { return (path / name).string(); }

  int entries() const {
    int n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++n;
    return n;
  }
};

/// While an object of this type lives, new folders are in memory if possible: for tests that write thousands
/// of files.
struct FoldersInMemory {
  FoldersInMemory() {
    if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  }
  FoldersInMemory(const FoldersInMemory&) = delete;
  FoldersInMemory& operator=(const FoldersInMemory&) = delete;
  ~FoldersInMemory() {
    if (before_.empty()) {
      ::unsetenv("TMPDIR");
    } else {
      ::setenv("TMPDIR", before_.c_str(), 1);
    }
  }

 private:
  std::string before_ = std::getenv("TMPDIR") == nullptr ? "" : std::getenv("TMPDIR");
};

/// Runs `action`, which must throw a `Kind` whose message contains all of `words`. A failure names the
/// calling line.
template <class Kind, class Action>
void check_throws(Action action, const std::vector<std::string>& words, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  try {
    action();
  } catch (const Kind& error) {
    const std::string message = error.what();
    for (const auto& word : words) {
      BOOST_TEST(message.find(word) != std::string::npos,
                 file << ":" << line << ": '" << message << "' lacks '" << word << "'");
    }
    return;
  }
  BOOST_ERROR(file << ":" << line << ": nothing was thrown");
}

}  // namespace pixnerd::test
