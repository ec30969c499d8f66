// SPDX-License-Identifier: MIT
/// \file
/// Reads gzip files in pieces (link `z`).
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <pixnerd/io/file.hpp>

namespace pixnerd {

/// An open gzip file of one stream, read from front to back. Needs 100 KB of memory, whatever the file's size
/// or claimed size.
class GzipFile {
 public:
  /// Throws FileError when `path` is missing, unreadable or not a regular file.
  explicit GzipFile(const std::string& path) : file_(path) {
    constexpr int gzip_format = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, gzip_format) != Z_OK) refuse("no memory");
  }
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;
  ~GzipFile() { inflateEnd(&stream_); }

  const std::string& path() const { return file_.path(); }

  /// The most bytes that the file can hold: deflate makes at best one byte of 1032.
  std::uint64_t most_bytes() const { return file_.size() * 1032; }

  /// Fills `out` with the next bytes. Throws FileError, naming the file, when it is damaged or holds fewer.
  void read(std::span<std::uint8_t> out) {
    while (!out.empty()) {
      const std::size_t got = read_some(out);
      if (got == 0) refuse(str_cat("its end, ", out.size(), " bytes early"));
      out = out.subspan(got);
    }
  }

  /// Throws FileError, naming the file, unless all of it has been read: when it holds more, is damaged (the
  /// checksum is the last that is read), or goes on behind its stream.
  void expect_end() {
    std::uint8_t more = 0;
    if (read_some(std::span(&more, 1)) != 0) refuse("more bytes than expected");
    const std::uint64_t left = file_.size() - position_ + stream_.avail_in;
    if (left != 0) refuse(str_cat(left, " bytes too many"));
  }

 private:
  [[noreturn]] void refuse(std::string_view got) const {
    raise<FileError>("gzip", str_cat("whole gzip data in '", path(), "'"), got);
  }

  /// Returns how many bytes it read, 0 at the stream's end alone.
  std::size_t read_some(std::span<std::uint8_t> out) {
    out = out.first(std::min<std::size_t>(out.size(), 1 << 30));  // zlib counts in 32 bits
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    while (!ended_ && stream_.avail_out == out.size()) {
      if (stream_.avail_in == 0) fill();
      const int state = inflate(&stream_, Z_NO_FLUSH);
      ended_ = state == Z_STREAM_END;
      if (state != Z_OK && !ended_) {
        refuse(stream_.msg != nullptr ? str_cat("damaged data: ", stream_.msg) : "damaged data");
      }
    }
    return out.size() - stream_.avail_out;
  }

  void fill() {
    const auto piece =
        std::span(piece_).first(std::min<std::uint64_t>(piece_.size(), file_.size() - position_));
    if (piece.empty()) refuse("data that end early");
    file_.read_at(position_, piece);
    position_ += piece.size();
    stream_.next_in = piece.data();
    stream_.avail_in = static_cast<uInt>(piece.size());
  }

  InputFile file_;
  z_stream stream_{};
  std::uint64_t position_ = 0;  ///< of the first byte of the file that has not been read
  bool ended_ = false;
  std::array<std::uint8_t, 1 << 15> piece_;
};

}  // namespace pixnerd
