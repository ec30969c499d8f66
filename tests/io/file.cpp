// SPDX-License-Identifier: MIT
/// \file
/// Reading whole files and writing them all or nothing.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <pixnerd/io/file.hpp>

#include "support/files.hpp"

namespace fs = std::filesystem;
using namespace pixnerd;
using test::Folder;

BOOST_AUTO_TEST_SUITE(file)

BOOST_AUTO_TEST_CASE(writes_and_reads_back) {
  const Folder folder;
  std::vector<std::uint8_t> bytes(100'003);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, bytes.size()}) {
    const std::vector<std::uint8_t> part(bytes.begin(), bytes.begin() + static_cast<long>(n));
    write_file_atomic(folder / "a", part);
    BOOST_TEST(read_file(folder / "a", n) == part);
  }
  BOOST_TEST(folder.entries() == 1);

  const InputFile file(folder / "a");
  std::vector<std::uint8_t> three(3);
  file.read_at(50'000, three);
  BOOST_TEST(three == std::vector<std::uint8_t>(bytes.begin() + 50'000, bytes.begin() + 50'003));
  test::check_throws<FileError>([&] { file.read_at(100'001, three); },
                                {"3 bytes", "100001", "its end after 100003 bytes"});
}

BOOST_AUTO_TEST_CASE(writes_text) {
  const Folder folder;
  write_file_atomic(folder / "a.txt", "hello\n");
  const auto bytes = read_file(folder / "a.txt", 100);
  BOOST_TEST(std::string(bytes.begin(), bytes.end()) == "hello\n");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_readable_file) {
  const Folder folder;
  test::check_throws<FileError>([&] { read_file(folder / "none", 10); }, {folder / "none", "No such file"});
  test::check_throws<FileError>([&] { read_file(folder.path, 10); }, {folder.path, "got a folder"});
  test::check_throws<FileError>([&] { read_file("", 10); }, {"No such file"});
  test::check_throws<FileError>([&] { read_file("/dev/zero", 10); }, {"/dev/zero", "a device"});
  BOOST_REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  test::check_throws<FileError>([&] { read_file(folder / "pipe", 10); }, {"pipe", "regular file"});
  write_file_atomic(folder / "long", "12345678901");
  test::check_throws<FileError>([&] { read_file(folder / "long", 10); },
                                {"at most 10 bytes", folder / "long", "got 11"});
  if (::geteuid() != 0) {
    fs::permissions(folder / "long", fs::perms::none);
    test::check_throws<FileError>([&] { read_file(folder / "long", 100); },
                                  {folder / "long", "Permission denied"});
  }
}

BOOST_AUTO_TEST_CASE(refuses_places_it_cannot_write) {
  const Folder folder;
  test::check_throws<FileError>([&] { write_file_atomic(folder / "none/a", "x"); },
                                {folder / "none/a", "No such file"});
  test::check_throws<FileError>([&] { write_file_atomic(folder.path, "x"); }, {folder.path, "got a folder"});
  test::check_throws<FileError>([&] { write_file_atomic("/dev/full", "x"); }, {"/dev/full", "a device"});
  test::check_throws<FileError>([&] { write_file_atomic("", "x"); }, {"''"});
  BOOST_TEST(folder.entries() == 0);
}

BOOST_AUTO_TEST_CASE(an_abandoned_file_leaves_the_old_one) {
  const Folder folder;
  write_file_atomic(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write(std::vector<std::uint8_t>(10, 1));
    BOOST_TEST(folder.entries() == 2);
  }
  BOOST_TEST(folder.entries() == 1);
  BOOST_TEST(read_file(folder / "a", 10).size() == 3U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_writer_left_is_removed) {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder / "a");
    file.write(std::vector<std::uint8_t>(10, 1));
    ::kill(::getpid(), SIGKILL);
  }
  BOOST_REQUIRE(::waitpid(child, nullptr, 0) == child);
  BOOST_TEST(folder.entries() == 1);
  BOOST_TEST(!fs::exists(folder / "a"));
  write_file_atomic(folder / "a", "new");
  BOOST_TEST(folder.entries() == 1);
  BOOST_TEST(read_file(folder / "a", 10).size() == 3U);
}

BOOST_AUTO_TEST_CASE(two_writers_of_one_file_do_not_meet) {
  const Folder folder;
  AtomicFile one(folder / "a"), two(folder / "a");
  one.write(std::vector<std::uint8_t>(10, 1));
  two.write(std::vector<std::uint8_t>(20, 2));
  one.commit();
  BOOST_TEST(read_file(folder / "a", 100) == std::vector<std::uint8_t>(10, 1));
  AtomicFile three(folder / "a");
  two.commit();
  three.write(std::vector<std::uint8_t>(30, 3));
  BOOST_TEST(read_file(folder / "a", 100) == std::vector<std::uint8_t>(20, 2));
  three.commit();
  BOOST_TEST(read_file(folder / "a", 100) == std::vector<std::uint8_t>(30, 3));
  BOOST_TEST(folder.entries() == 1);
}

/// Somebody's own file or link of a temporary's name is nothing to write through.
BOOST_AUTO_TEST_CASE(links_are_not_followed) {
  const Folder folder;
  write_file_atomic(folder / "other", "other");
  fs::create_symlink(folder / "other", folder / "a.tmp-0");
  write_file_atomic(folder / "a", "new");
  BOOST_TEST(read_file(folder / "other", 10).size() == 5U);
  BOOST_TEST(read_file(folder / "a", 10).size() == 3U);
}

/// A file-size limit stops writes as a full disk does, with another errno.
BOOST_AUTO_TEST_CASE(a_write_that_fails_leaves_nothing) {
  const Folder folder;
  write_file_atomic(folder / "a", "old");
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{5000, before.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  test::check_throws<FileError>(
      [&] { write_file_atomic(folder / "a", std::vector<std::uint8_t>(6000)); },
      {folder / "a", "room for the 6000 bytes", "File too large; ", " bytes are available there"});
  BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  BOOST_TEST(folder.entries() == 1);
  BOOST_TEST(read_file(folder / "a", 10).size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
