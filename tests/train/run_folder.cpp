// SPDX-License-Identifier: MIT
#include <pixnerd/train/run_folder.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <pixnerd/train/run_lock.hpp>
#include "support/files.hpp"

using namespace pixnerd;

BOOST_AUTO_TEST_SUITE(run_folder)

namespace {

std::string put(const std::string& run, std::int64_t step, const std::string& content) {
  return write_checkpoint(run, step, content.size(), [&](const std::string& folder) {
    write_file_atomic(folder + "/content", content);
    return std::vector<std::string>{"content"};
  });
}

std::string content_of(const std::string& path) {
  const auto bytes = read_file(path + "/content", 1000);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(newest_by_number_not_by_name) {
  const test::Folder folder;
  const std::string run = folder / "deep/run";
  BOOST_TEST(checkpoint_steps(run).empty());
  BOOST_TEST(newest_checkpoint(run).path == "");
  for (const int step : {9, 100, 20})
    BOOST_TEST(put(run, step, str_cat("of ", step)) == checkpoint_path(run, step));
  for (const char* other :
       {"step-", "step-x", "step-007", "step--5", "step-1x", "astep-9000", "step-99999999999999999999"}) {
    std::filesystem::create_directory(run + "/" + other);
  }
  BOOST_TEST(checkpoint_steps(run) == (std::vector<std::int64_t>{100, 20, 9}),
             boost::test_tools::per_element());
  const auto newest = newest_checkpoint(run);
  BOOST_TEST(newest.path == run + "/step-100");
  BOOST_TEST(newest.damaged.empty());
  BOOST_TEST(content_of(newest.path) == "of 100");
}

BOOST_AUTO_TEST_CASE(damaged_ones_are_passed_over_and_set_aside) {
  const test::Folder folder;
  const std::string run = folder / "run";
  for (const int step : {1, 2, 3}) put(run, step, "whole");
  write_file_atomic(run + "/step-3/content", std::string_view("whale"));
  std::filesystem::remove(run + "/step-2/manifest.json");
  const auto newest = newest_checkpoint(run);
  BOOST_TEST(newest.path == run + "/step-1");
  BOOST_TEST_REQUIRE(newest.damaged.size() == 2);
  BOOST_TEST(newest.damaged[0].find("step-3': content has not the checksum") != std::string::npos);

  put(run, 3, "again");
  BOOST_TEST(content_of(run + "/step-3") == "again");
  BOOST_TEST(content_of(run + "/step-3.damaged") == "whale");
  write_file_atomic(run + "/step-3/content", std::string_view("whale"));
  put(run, 3, "third");
  BOOST_TEST(content_of(run + "/step-3.damaged-2") == "whale");
  BOOST_TEST(newest_checkpoint(run).path == run + "/step-3");

  for (const int step : {1, 2, 3})
    write_file_atomic(run + str_cat("/step-", step, "/content"), std::string_view("?"));
  test::check_throws<FileError>([&] { (void)newest_checkpoint(run); },
                                {"a whole checkpoint", run, "step-1", "step-3"});
}

BOOST_AUTO_TEST_CASE(the_checkpoint_of_a_run_or_a_folder_that_is_one) {
  const test::Folder folder;
  const std::string run = folder / "run";
  std::vector<std::string> damaged;
  for (const int step : {1, 2}) put(run, step, "whole");
  BOOST_TEST(find_checkpoint(run, damaged) == run + "/step-2");
  BOOST_TEST(find_checkpoint(run + "/step-1", damaged) == run + "/step-1");
  BOOST_TEST(damaged.empty());
  write_file_atomic(run + "/step-2/content", std::string_view("whale"));
  BOOST_TEST(find_checkpoint(run, damaged) == run + "/step-1");
  BOOST_TEST(damaged.size() == 1u);
  test::check_throws<FileError>([&] { find_checkpoint(run + "/step-2", damaged); }, {"a whole checkpoint"});
  std::filesystem::create_directory(folder / "empty");
  test::check_throws<FileError>([&] { find_checkpoint(folder / "empty", damaged); }, {"a checkpoint in"});
  test::check_throws<FileError>([&] { find_checkpoint(folder / "none", damaged); },
                                {"a training run", "none"});
}

BOOST_AUTO_TEST_CASE(whole_ones_are_never_overwritten) {
  const test::Folder folder;
  const std::string run = folder / "run";
  put(run, 5, "first");
  test::check_throws<FileError>([&] { put(run, 5, "second"); }, {"step-5", "never overwritten"});
  BOOST_TEST(content_of(run + "/step-5") == "first");
}

BOOST_AUTO_TEST_CASE(leftovers_are_swept_and_nothing_else) {
  const test::Folder folder;
  const std::string run = folder / "run";
  put(run, 5, "first");
  std::filesystem::create_directories(run + "/.tmp-step-6-123/more");
  write_file_atomic(run + "/.tmp-step-6-123/content", std::string_view("half"));
  write_file_atomic(run + "/metrics.csv", std::string_view("step"));
  open_run_folder(run);
  BOOST_TEST(!std::filesystem::exists(run + "/.tmp-step-6-123"));
  BOOST_TEST(std::filesystem::exists(run + "/metrics.csv"));
  BOOST_TEST(content_of(run + "/step-5") == "first");
}

BOOST_AUTO_TEST_CASE(one_process_at_a_time) {
  const test::Folder folder;
  const std::string run = folder / "deep/run";
  {
    const RunLock lock(run);
    test::check_throws<FileError>([&] { const RunLock second(run); }, {"no other process", run});
    const RunLock other(folder / "another");
    put(run, 1, "first");
    // A process that ends gives it back without being asked.
    const pid_t child = ::fork();
    if (child == 0) {
      new RunLock(folder / "left");
      ::_exit(0);
    }
    BOOST_TEST(::waitpid(child, nullptr, 0) == child);
    const RunLock left(folder / "left");
  }
  RunLock again(run);
  const RunLock moved(std::move(again));
  test::check_throws<FileError>([&] { const RunLock second(run); }, {"no other process", run});
  BOOST_TEST(content_of(run + "/step-1") == "first");
  write_file_atomic(folder / "file", std::string_view("x"));
  test::check_throws<FileError>([&] { const RunLock bad(folder / "file"); }, {"writable folder"});
}

BOOST_AUTO_TEST_CASE(a_folder_that_others_remove_or_replace) {
  const test::Folder folder;
  const std::string run = folder / "deep/run";
  RunLock lock(run);
  lock.keep();
  std::filesystem::remove_all(folder / "deep");
  lock.keep();
  test::check_throws<FileError>([&] { const RunLock second(run); }, {"no other process", run});
  // What bears its name now is somebody else's.
  std::filesystem::rename(run, folder / "aside");
  const RunLock other(run);
  test::check_throws<FileError>([&] { lock.keep(); }, {"in which this run began", run, "another one"});
  // One that cannot be made is for those who write there.
  std::filesystem::remove_all(folder / "deep");
  write_file_atomic(folder / "deep", std::string_view("a file"));
  lock.keep();
}

BOOST_AUTO_TEST_CASE(a_failing_write_leaves_nothing) {
  const test::Folder folder;
  const std::string run = folder / "run";
  put(run, 1, "first");
  const auto failing = [&](auto problem) {
    write_checkpoint(run, 2, 12345, [&](const std::string& temporary) -> std::vector<std::string> {
      write_file_atomic(temporary + "/content", std::string_view("half"));
      throw problem;
    });
  };
  test::check_throws<FileError>([&] { failing(FileError("[write file] no room")); },
                                {"12345 bytes", "step-2", "no room", "bytes are available"});
  test::check_throws<std::runtime_error>([&] { failing(std::runtime_error("other")); }, {"other"});
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(run)) ++entries;
  BOOST_TEST(entries == 1);
  BOOST_TEST(content_of(run + "/step-1") == "first");
}

BOOST_AUTO_TEST_CASE(folders_that_cannot_be_used_are_errors) {
  const test::Folder folder;
  write_file_atomic(folder / "file", std::string_view("x"));
  for (const std::string& run : {folder / "file", folder / "file/run"}) {
    test::check_throws<FileError>([&] { open_run_folder(run); }, {"run folder", "writable folder", run});
  }
  test::check_throws<FileError>([&] { (void)checkpoint_steps(folder / "file"); }, {"readable folder"});
}

BOOST_AUTO_TEST_SUITE_END()
