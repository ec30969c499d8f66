// SPDX-License-Identifier: MIT
/// \file
/// Checks the central directory of a zip file before libzip reads the file: entries must not overlap, lie
/// outside the file, contradict themselves, or expand a few bytes to very many.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include <pixnerd/io/file.hpp>
#include <pixnerd/io/tensor_entry.hpp>

namespace pixnerd::detail {

/// Reads the directory of a zip file. Throws FileError unless it is consistent as a whole.
///
/// Stricter than the format: nothing lies between the directory and the end of the file but the records of
/// its end, there is no comment, no second disk and no encryption, and what is packed is deflated.
class ZipDirectory {
 public:
  /// Most entries of a file.
  static constexpr std::uint64_t most_entries = 32'768;

  /// `where` names the reader in messages; a deflated entry may unpack to `most_unpacked` bytes.
  ZipDirectory(const InputFile& file, std::string_view where, std::uint64_t most_unpacked)
      : file_(file), where_(where), most_unpacked_(most_unpacked) {
    find_end();
    check_entries();
  }

 private:
  static constexpr std::uint64_t end_bytes = 22, locator_bytes = 20, end64_bytes = 56, entry_bytes = 46,
                                 local_bytes = 30, most_comment = 65'535;

  struct Range {
    std::uint64_t begin, end;
  };

  /// A record of little-endian numbers.
  struct Record {
    std::span<const std::uint8_t> bytes;

    std::uint64_t number(std::size_t at, std::size_t width) const {
      std::uint64_t out = 0;
      for (std::size_t i = width; i > 0; --i) out = out << 8 | bytes[at + i - 1];
      return out;
    }
    bool starts_with(std::string_view signature) const {
      return bytes.size() >= 4 && std::memcmp(bytes.data(), signature.data(), 4) == 0;
    }
  };

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>(where_, str_cat(expected, " in '", file_.path(), "'"), got);
  }

  std::vector<std::uint8_t> read(std::uint64_t begin, std::uint64_t count) const {
    std::vector<std::uint8_t> out(count);
    file_.read_at(begin, out);
    return out;
  }

  /// The record of the end, and the one of 64 bits that may come before.
  void find_end() {
    if (file_.size() < end_bytes) refuse("a zip file", str_cat(file_.size(), " bytes"));
    const std::uint64_t count =
        std::min<std::uint64_t>(file_.size(), most_comment + end_bytes + locator_bytes);
    const auto tail = read(file_.size() - count, count);
    // libzip looks for the record all through these bytes, and reads a directory for each it finds.
    constexpr std::string_view signature = "PK\5\6";
    const auto found = std::search(tail.begin(), tail.end(), signature.begin(), signature.end());
    if (found == tail.end()) refuse("the end of a zip file's directory", "none");
    if (tail.end() - found != static_cast<std::ptrdiff_t>(end_bytes)) {
      refuse("one end of a zip file's directory, in the last 22 bytes", "another");
    }
    const Record end{std::span(tail).last(end_bytes)};
    if (end.number(4, 4) != 0) refuse("a zip file of one disk", "several");
    if (end.number(20, 2) != 0)
      refuse("a zip file without a comment", str_cat(end.number(20, 2), " bytes of one"));
    entries_ = end.number(10, 2);
    bytes_ = end.number(12, 4);
    begin_ = end.number(16, 4);
    end_ = file_.size() - end_bytes;
    if (end.number(8, 2) != entries_) refuse("one number of entries", "two");
    if (count >= end_bytes + locator_bytes) {
      const Record locator{std::span(tail).last(end_bytes + locator_bytes).first(locator_bytes)};
      if (locator.starts_with("PK\6\7")) read_end64(locator);
    }
    if (begin_ > end_ || bytes_ != end_ - begin_) {
      refuse("a directory that ends where the records of its end begin",
             str_cat(bytes_, " bytes from ", begin_, " on and an end at ", end_));
    }
    if (entries_ > most_entries || entries_ > bytes_ / entry_bytes) {
      refuse(str_cat("at most ", std::min(most_entries, bytes_ / entry_bytes), " entries"),
             str_cat(entries_));
    }
  }

  void read_end64(const Record& locator) {
    const std::uint64_t begin = locator.number(8, 8);
    const std::uint64_t behind = end_ - locator_bytes;
    if (behind < end64_bytes || begin != behind - end64_bytes || locator.number(4, 4) != 0) {
      refuse("the end of a directory of 64 bits before its locator", str_cat("one at ", begin));
    }
    const auto bytes = read(begin, end64_bytes);
    const Record end{bytes};
    if (!end.starts_with("PK\6\6") || end.number(4, 8) != end64_bytes - 12 || end.number(16, 8) != 0) {
      refuse("the end of a directory of 64 bits", "another record");
    }
    const auto take = [&](std::uint64_t& value, std::uint64_t none, std::size_t at) {
      const std::uint64_t wide = end.number(at, 8);
      if (value != none && value != wide) refuse("one size of the directory", str_cat(value, " and ", wide));
      value = wide;
    };
    if (end.number(24, 8) != end.number(32, 8)) refuse("one number of entries", "two");
    take(entries_, 0xffff, 32);
    take(bytes_, 0xffff'ffff, 40);
    take(begin_, 0xffff'ffff, 48);
    end_ = begin;
  }

  void check_entries() {
    const auto directory = read(begin_, bytes_);
    std::span<const std::uint8_t> rest(directory);
    std::vector<Range> ranges;
    ranges.reserve(entries_);
    for (std::uint64_t i = 0; i < entries_; ++i) {
      const Record entry{rest};
      if (rest.size() < entry_bytes || !entry.starts_with("PK\1\2"))
        refuse(str_cat("entry ", i), "another record");
      const std::uint64_t name = entry.number(28, 2), extra = entry.number(30, 2),
                          comment = entry.number(32, 2);
      if (name + extra + comment > rest.size() - entry_bytes)
        refuse(str_cat("entry ", i), "the end of the directory");
      ranges.push_back(
          check_entry(entry, rest.subspan(entry_bytes, name), rest.subspan(entry_bytes + name, extra)));
      rest = rest.subspan(entry_bytes + name + extra + comment);
    }
    if (!rest.empty()) refuse(str_cat(entries_, " entries"), str_cat(rest.size(), " bytes behind them"));
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].begin < ranges[i - 1].end) {
        refuse("entries that share no bytes", str_cat("two at ", ranges[i].begin));
      }
    }
  }

  /// Returns the smallest range the entry can occupy: its local header may be longer.
  Range check_entry(const Record& entry, std::span<const std::uint8_t> name_bytes,
                    std::span<const std::uint8_t> extra) const {
    const std::string_view raw(reinterpret_cast<const char*>(name_bytes.data()), name_bytes.size());
    const auto name = [&] { return quoted_name(raw); };
    if (raw.find('\0') != raw.npos) refuse("names without zeros", name());
    if ((entry.number(8, 2) & 1) != 0)
      refuse(str_cat("an entry ", name(), " that is not encrypted"), "one that is");
    std::uint64_t packed = entry.number(20, 4), size = entry.number(24, 4), begin = entry.number(42, 4);
    if (entry.number(34, 2) != 0) refuse(str_cat("an entry ", name(), " of this disk"), "one of another");
    widen(extra, {&size, &packed, &begin}, raw);
    if (begin > begin_ || local_bytes + name_bytes.size() > begin_ - begin ||
        packed > begin_ - begin - local_bytes - name_bytes.size()) {
      refuse(str_cat("an entry ", name(), " before the directory"), str_cat(packed, " bytes at ", begin));
    }
    const std::uint64_t method = entry.number(10, 2);
    if (method != 0 && method != 8) {
      refuse(str_cat("an entry ", name(), " that is stored or deflated"), str_cat("method ", method));
    }
    if (method == 0 && packed != size) {
      refuse(str_cat("one size of the stored entry ", name()), str_cat(packed, " and ", size));
    }
    if (method == 8 && size > most_unpacked_) {
      refuse(str_cat("an entry ", name(), " that is stored, or of at most ", most_unpacked_, " bytes"),
             str_cat("one that unpacks to ", size));
    }
    return {begin, begin + local_bytes + name_bytes.size() + packed};
  }

  /// Takes the numbers of 32 bits that are all ones from the extra field with those of 64.
  void widen(std::span<const std::uint8_t> extra, std::initializer_list<std::uint64_t*> numbers,
             std::string_view name) const {
    std::span<const std::uint8_t> wide;
    while (extra.size() >= 4) {
      const Record field{extra};
      const std::uint64_t count = field.number(2, 2);
      if (count > extra.size() - 4) break;
      if (field.number(0, 2) == 1) {
        wide = extra.subspan(4, count);
        break;
      }
      extra = extra.subspan(4 + count);
    }
    for (std::uint64_t* number : numbers) {
      if (*number != 0xffff'ffff) continue;
      if (wide.size() < 8) refuse(str_cat("sizes of 64 bits of entry ", quoted_name(name)), "none");
      *number = Record{wide}.number(0, 8);
      wide = wide.subspan(8);
    }
  }

  const InputFile& file_;
  std::string_view where_;
  std::uint64_t most_unpacked_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;  // of the directory
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace pixnerd::detail
