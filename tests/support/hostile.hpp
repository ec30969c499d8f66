// SPDX-License-Identifier: MIT
/// \file
/// Tables of malformed files, and the check that reading one fails with a clear message, quickly and in
/// little memory.
#pragma once

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/file.hpp>

#include "support/files.hpp"

namespace pixnerd::test {

/// A file with one defect, and a word that the message must contain.
struct Defect {
  std::string name;
  std::string bytes;
  std::string word;
};

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool counts_memory = false;  // the sanitizer keeps what was freed
#elif defined(__has_feature)
inline constexpr bool counts_memory = !__has_feature(address_sanitizer);
#else
inline constexpr bool counts_memory = true;
#endif

/// Writes without waiting for the disk, since tests write thousands of files.
inline void write_quickly(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  BOOST_REQUIRE(file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush());
}

/// The cost and the outcome of reading a file.
struct Reading {
  std::string message;    ///< of the exception; empty when the file was read
  bool ended = false;     ///< the process exited by itself, not by a signal
  double seconds = 0;     ///< processor time
  std::int64_t peak = 0;  ///< peak resident memory, in bytes
};

/// Runs `read` in a process of its own, so that a hang or a crash ends only that one.
inline Reading read_apart(const std::function<void()>& read) {
  ::malloc_trim(0);  // else the child inherits free memory that hides what it allocates
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    std::string message;
    try {
      read();
    } catch (const FileError& error) {
      message = error.what();
    } catch (const std::exception& error) {
      message = std::string("another exception: ") + error.what();
    }
    if (message.size() > 10'000) message = "a message of " + std::to_string(message.size()) + " characters";
    [[maybe_unused]] const auto written = ::write(ends[1], message.data(), message.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  Reading out;
  char piece[1024];
  for (ssize_t got; (got = ::read(ends[0], piece, sizeof piece)) > 0;) {
    out.message.append(piece, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  rusage usage{};
  BOOST_REQUIRE(::wait4(child, &status, 0, &usage) == child);
  out.ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  out.seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  out.peak = std::int64_t{usage.ru_maxrss} << 10;
  return out;
}

/// Each file must be refused with a message that names the file and holds the word, within a second and with
/// 64 MB of memory beyond the file's size. A failure names the calling line and the defect.
inline void check_refused(const std::vector<Defect>& defects, const std::string& file_name,
                          const std::function<void(const std::string& path)>& read,
                          const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const Folder folder;
  const std::string path = folder / file_name;
  double slowest = 0;
  std::int64_t most = 0;
  for (const auto& defect : defects) {
    BOOST_TEST_CONTEXT(file << ":" << line << ": " << defect.name) {
      write_quickly(path, defect.bytes);
      const std::int64_t before = read_apart([] {}).peak;
      const Reading reading = read_apart([&] { read(path); });
      BOOST_TEST(reading.ended);
      BOOST_TEST(reading.message.find(path) != std::string::npos, "no file in '" << reading.message << "'");
      BOOST_TEST(reading.message.find(defect.word) != std::string::npos,
                 "no '" << defect.word << "' in '" << reading.message << "'");
      BOOST_TEST(reading.message.find("] expected ") != std::string::npos);
      const std::int64_t beyond = reading.peak - before - static_cast<std::int64_t>(defect.bytes.size());
      if (counts_memory) BOOST_TEST(beyond < 64 << 20);
      BOOST_TEST(reading.seconds < (counts_memory ? 1.0 : 10.0));
      slowest = std::max(slowest, reading.seconds);
      most = std::max(most, beyond);
    }
  }
  BOOST_TEST_MESSAGE(defects.size() << " files, the slowest " << slowest << " s, at most " << (most >> 10)
                                    << " KB beyond the file's size");
}

/// Every beginning of a file, and the file with any one byte changed, is refused by a message that names it,
/// or read. Returns how many were read. A failure names the calling line.
inline int check_prefixes_and_flips(const std::string& whole, const std::string& path,
                                    const std::function<void(const std::string& path)>& read,
                                    const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  int loaded = 0;
  const auto check = [&](const std::string& bytes, std::string_view what, std::size_t at) {
    write_quickly(path, bytes);
    try {
      read(path);
      ++loaded;
    } catch (const FileError& error) {
      if (std::string(error.what()).find(path) == std::string::npos)
        BOOST_ERROR(file << ":" << line << ": " << what << " " << at << ": no file in '" << error.what()
                         << "'");
    }
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    check(whole.substr(0, at), "cut at", at);
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    check(bytes, "a bit of byte", at);
    bytes[at] = static_cast<char>(~whole[at]);
    check(bytes, "all bits of byte", at);
  }
  return loaded;
}

}  // namespace pixnerd::test
