// SPDX-License-Identifier: MIT
/// \file
/// The folder of a training run: its checkpoints `step-N`, written all or nothing.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pixnerd/io/file.hpp>
#include <pixnerd/train/manifest.hpp>

namespace pixnerd {

namespace detail {

inline constexpr std::string_view checkpoint_prefix = "step-";
inline constexpr std::string_view temporary_prefix = ".tmp-step-";

/// N of "step-N"; -1 for any other name.
inline std::int64_t checkpoint_step(std::string_view name) {
  if (!name.starts_with(checkpoint_prefix)) return -1;
  name.remove_prefix(checkpoint_prefix.size());
  std::int64_t step = -1;
  std::from_chars(name.data(), name.data() + name.size(), step);
  return step >= 0 && str_cat(step) == name ? step : -1;
}

/// Whether anything has that name, dangling links included. Throws FileError when this cannot be determined.
inline bool path_exists(const std::string& path) {
  std::error_code error;
  const auto type = std::filesystem::symlink_status(path, error).type();
  if (type == std::filesystem::file_type::none)
    raise<FileError>("run folder", str_cat("a readable place '", path, "'"), error.message());
  return type != std::filesystem::file_type::not_found;
}

}  // namespace detail

/// The path of the checkpoint of step `step`.
inline std::string checkpoint_path(const std::string& run, std::int64_t step) {
  return str_cat(run, "/", detail::checkpoint_prefix, step);
}

/// The steps of all checkpoints of a run, whole or damaged, latest first; none when the folder is missing.
/// Throws FileError when it cannot be read.
inline std::vector<std::int64_t> checkpoint_steps(const std::string& run) {
  std::vector<std::int64_t> steps;
  if (!detail::path_exists(run)) return steps;
  int number = 0;
  for (const auto& name : detail::folder_names(run, number)) {
    const std::int64_t step = detail::checkpoint_step(name);
    if (step >= 0) steps.push_back(step);
  }
  if (number != 0)
    raise<FileError>("run folder", str_cat("a readable folder '", run, "'"), errno_text(number));
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

/// What newest_checkpoint() found.
struct NewestCheckpoint {
  std::string path;                  ///< empty when the run has no checkpoint
  std::vector<std::string> damaged;  ///< later ones that were skipped, each with what is wrong with it
};

/// The latest whole checkpoint of a run, of those before step `before`. Throws FileError when there are such
/// checkpoints and all of them are damaged, or when the folder or a file cannot be read: such a file may be
/// whole.
inline NewestCheckpoint newest_checkpoint(const std::string& run,
                                          std::int64_t before = std::numeric_limits<std::int64_t>::max()) {
  NewestCheckpoint out;
  for (const std::int64_t step : checkpoint_steps(run)) {
    if (step >= before) continue;
    const std::string path = checkpoint_path(run, step);
    std::string problem;
    try {
      problem = manifest_problem(path);
    } catch (const FileError& error) {
      // It may be whole: the user decides whether to lose its steps.
      raise<FileError>(
          "run folder",
          str_cat("to read the checkpoint '", path, "' (to pass it over, move it out of the run)"),
          error.what());
    }
    if (problem.empty()) {
      out.path = path;
      return out;
    }
    out.damaged.push_back(str_cat("'", path, "': ", problem));
  }
  if (!out.damaged.empty()) {
    std::string all;
    for (const auto& one : out.damaged) all += str_cat(all.empty() ? "" : "; ", one);
    raise<FileError>("run folder", str_cat("a whole checkpoint in '", run, "'"),
                     str_cat("damaged ones: ", all));
  }
  return out;
}

/// The folder of a checkpoint, where `path` is that of a run, the newest whole one; or `path` itself, where
/// it is that of a checkpoint. `damaged` receives a sentence for each newer one that is damaged. Throws
/// FileError when there is none, and what newest_checkpoint() throws.
inline std::string find_checkpoint(const std::string& path, std::vector<std::string>& damaged) {
  if (detail::path_exists(path + "/manifest.json")) {
    const std::string problem = manifest_problem(path);
    if (!problem.empty()) raise<FileError>("checkpoint", str_cat("a whole checkpoint '", path, "'"), problem);
    return path;
  }
  if (!std::filesystem::is_directory(path)) {
    raise<FileError>("run folder", str_cat("the folder of a training run '", path, "'"), "none");
  }
  auto newest = newest_checkpoint(path);
  if (newest.path.empty()) raise<FileError>("run folder", str_cat("a checkpoint in '", path, "'"), "none");
  damaged = std::move(newest.damaged);
  return newest.path;
}

/// Prepares the folder of a run: creates it where it is missing and removes what an interrupted save left. A
/// save of another process in progress looks the same, so hold a RunLock. Throws FileError when this fails.
inline void open_run_folder(const std::string& run) {
  std::error_code error;
  std::filesystem::create_directories(run, error);
  int number = error ? error.value() : 0;
  if (number == 0) {
    for (const auto& name : detail::folder_names(run, number)) {
      if (number == 0 && name.starts_with(detail::temporary_prefix))
        number = detail::remove_tree(str_cat(run, "/", name));
    }
  }
  if (number == 0 && ::access(run.c_str(), W_OK | X_OK) != 0) number = errno;
  if (number != 0)
    raise<FileError>("run folder", str_cat("a writable folder '", run, "'"), errno_text(number));
}

/// Writes the checkpoint `step-N` of a run and returns its path. `write_files(folder)` writes the files into
/// a temporary folder and returns their names; a manifest is added, everything is synced to disk, and only
/// then the folder is renamed to its final name.
///
/// A whole checkpoint of that name is never overwritten; a damaged one is kept as step-N.damaged. Throws
/// FileError when there is a whole one or one that cannot be read, or when writing fails: the message then
/// states `bytes`, the size of the checkpoint, and the free space of the disk. After an error the temporary
/// folder is gone and earlier checkpoints are as they were.
template <class WriteFiles>
std::string write_checkpoint(const std::string& run, std::int64_t step, std::uint64_t bytes,
                             WriteFiles write_files) {
  namespace fs = std::filesystem;
  open_run_folder(run);
  std::string path = checkpoint_path(run, step);
  if (detail::path_exists(path)) {
    if (manifest_problem(path).empty()) {
      raise<FileError>("checkpoint", str_cat("no checkpoint '", path, "' yet"),
                       "one, which is never overwritten");
    }
    std::string aside = path + ".damaged";
    for (int i = 2; detail::path_exists(aside); ++i) aside = str_cat(path, ".damaged-", i);
    std::error_code error;
    fs::rename(path, aside, error);
    if (error)
      raise<FileError>("checkpoint", str_cat("to move the damaged '", path, "' aside"), error.message());
  }
  const std::string temporary = str_cat(run, "/", detail::temporary_prefix, step, "-", ::getpid());
  std::error_code error;
  try {
    fs::create_directory(temporary, error);
    if (error) raise<FileError>("checkpoint", str_cat("a folder '", temporary, "'"), error.message());
    write_manifest(temporary, write_files(temporary));
    detail::sync_folder(temporary);
    fs::rename(temporary, path, error);
    if (error)
      raise<FileError>("checkpoint", str_cat("to rename '", temporary, "' to '", path, "'"), error.message());
  } catch (const FileError& problem) {
    (void)detail::remove_tree(temporary);
    std::string why = problem.what();
    if (why.find(" available there") == why.npos) why += detail::available_text(run);
    raise<FileError>("checkpoint", str_cat("a disk that takes the ", bytes, " bytes of '", path, "'"),
                     str_cat("an error: ", why));
  } catch (...) {
    try {
      (void)detail::remove_tree(temporary);
    } catch (...) {
      // No memory for that either. The next save removes it.
    }
    throw;
  }
  detail::sync_folder(run);
  return path;
}

}  // namespace pixnerd
