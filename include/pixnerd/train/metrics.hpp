// SPDX-License-Identifier: MIT
/// \file
/// metrics.csv: a row of numbers for each training step.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// What is recorded of a step.
struct MetricsRow {
  std::int64_t step = 0;  ///< counted from 1
  double loss = 0;
  double grad_norm = 0;          ///< before clipping
  double rate = 0;               ///< learning rate
  double images_per_second = 0;  ///< of this step alone
  double seconds = 0;            ///< spent training since the run began, pauses left out
  double alignment = 0;          ///< part of the loss, before its weight; recorded in runs with REPA alone
};

/// An exponential average that is not drawn toward zero at its start.
class Smoothed {
 public:
  explicit Smoothed(double decay = 0.98) : decay_(decay) {}

  /// Takes in a value and returns the average.
  double add(double value) {
    sum_ = decay_ * sum_ + (1 - decay_) * value;
    weight_ = decay_ * weight_ + (1 - decay_);
    return this->value();
  }
  double value() const { return weight_ > 0 ? sum_ / weight_ : 0; }

 private:
  double decay_, sum_ = 0, weight_ = 0;
};

namespace detail {

/// The first line, with a column of alignments or without.
inline constexpr std::string_view metrics_header(bool aligned) {
  return aligned ? "step,loss,grad_norm,lr,images_per_second,seconds,alignment\n"
                 : "step,loss,grad_norm,lr,images_per_second,seconds\n";
}

inline std::string metrics_line(const MetricsRow& row, bool aligned) {
  const auto rounded = [](double value, double digits) { return std::round(value * digits) / digits; };
  return str_cat(row.step, ',', static_cast<float>(row.loss), ',', static_cast<float>(row.grad_norm), ',',
                 static_cast<float>(row.rate), ',', rounded(row.images_per_second, 10), ',',
                 rounded(row.seconds, 1000), aligned ? str_cat(',', static_cast<float>(row.alignment)) : "",
                 '\n');
}

/// One line without its end; false when it is none.
inline bool parse_metrics_line(std::string_view line, bool aligned, MetricsRow& row) {
  const char* at = line.data();
  const char* const end = at + line.size();
  const auto number = [&](auto& value, bool last) {
    const auto [stop, error] = std::from_chars(at, end, value);
    at = stop;
    if (error != std::errc()) return false;
    if (last) return at == end;
    return at != end && *at++ == ',';
  };
  return number(row.step, false) && number(row.loss, false) && number(row.grad_norm, false) &&
         number(row.rate, false) && number(row.images_per_second, false) && number(row.seconds, !aligned) &&
         (!aligned || number(row.alignment, true));
}

}  // namespace detail

/// The rows of a file, in order. A last line without its end, which a crash may leave, is none. Throws
/// FileError when it cannot be read or is something else.
inline std::vector<MetricsRow> read_metrics(const std::string& path) {
  const auto bytes = read_file(path, std::uint64_t{1} << 32);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto wrong = [&](std::string_view got) {
    raise<FileError>("metrics", str_cat("rows of numbers below their names in '", path, "'"), got);
  };
  const bool aligned = rest.starts_with(detail::metrics_header(true));
  const std::string_view header = detail::metrics_header(aligned);
  if (!rest.starts_with(header)) wrong("another first line");
  rest.remove_prefix(header.size());
  std::vector<MetricsRow> rows;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == rest.npos) break;
    MetricsRow row;
    if (!detail::parse_metrics_line(rest.substr(0, end), aligned, row)) {
      wrong(str_cat("line ", rows.size() + 2));
    }
    rows.push_back(row);
    rest.remove_prefix(end + 1);
  }
  return rows;
}

/// Appends rows to metrics.csv. The file always ends with a whole row.
class MetricsWriter {
 public:
  /// Begins the file, or goes on behind step `resumed_step`: later rows, of steps whose work was lost, are
  /// removed. `aligned` runs have a column of alignments. Throws FileError.
  MetricsWriter(const std::string& path, std::int64_t resumed_step, bool aligned = false)
      : path_(path), aligned_(aligned) {
    if (resumed_step > 0 && std::filesystem::exists(path)) {
      for (const auto& row : read_metrics(path)) {
        if (row.step <= resumed_step) rows_.push_back(row);
      }
    }
    write_all();
  }

  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  /// Writes what is left when an error ends the training; a disk that is full is then no further error.
  ~MetricsWriter() {
    try {
      flush();
    } catch (const std::exception&) {
    }
  }

  /// Every row of the run, those before it was resumed included.
  const std::vector<MetricsRow>& rows() const { return rows_; }

  double seconds() const { return rows_.empty() ? 0 : rows_.back().seconds; }

  /// The row reaches the file with the next flush().
  void add(const MetricsRow& row) {
    rows_.push_back(row);
    pending_ += detail::metrics_line(row, aligned_);
  }

  /// Writes what was added, and all rows where the file is not as it was left. Throws FileError when the disk
  /// is full; the file then ends where it did before, and the next call is another try.
  void flush() {
    if (pending_.empty()) return;
    if (!is_as_left()) return write_all();
    std::string_view rest = pending_;
    while (!rest.empty()) {
      const auto put = ::write(descriptor_.get(), rest.data(), rest.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) {
        const int number = put < 0 ? errno : ENOSPC;
        if (::ftruncate(descriptor_.get(), size_) != 0) {
          // Part of a row that cannot be cut off is completed by the next try.
          size_ += static_cast<off_t>(pending_.size() - rest.size());
          pending_.erase(0, pending_.size() - rest.size());
        }
        raise<FileError>("metrics", str_cat("room for more rows in '", path_, "'"), errno_text(number));
      }
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    size_ += static_cast<off_t>(pending_.size());
    pending_.clear();
  }

 private:
  /// Whether the file is still there, with the bytes that were written.
  bool is_as_left() const {
    struct stat there {};
    struct stat opened {};
    return ::stat(path_.c_str(), &there) == 0 && ::fstat(descriptor_.get(), &opened) == 0 &&
           there.st_dev == opened.st_dev && there.st_ino == opened.st_ino && there.st_size == size_;
  }

  /// Writes the file anew, with every row, and opens it for more.
  void write_all() {
    std::string content(detail::metrics_header(aligned_));
    for (const auto& row : rows_) content += detail::metrics_line(row, aligned_);
    write_file_atomic(path_, content);
    detail::FileDescriptor descriptor(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (descriptor.get() < 0) {
      const int number = errno;
      raise<FileError>("metrics", str_cat("a writable file '", path_, "'"), errno_text(number));
    }
    descriptor_ = std::move(descriptor);
    size_ = static_cast<off_t>(content.size());
    pending_.clear();
  }

  std::string path_;
  bool aligned_;
  std::vector<MetricsRow> rows_;
  std::string pending_;
  off_t size_ = 0;
  detail::FileDescriptor descriptor_;
};

}  // namespace pixnerd
