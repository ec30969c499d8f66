// SPDX-License-Identifier: MIT
/// \file
/// Reads untrusted zip files, entry by entry, through libzip: the container of torch.save and NumPy.
#pragma once

#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/zip_directory.hpp>

namespace pixnerd::detail {

/// An open zip file, read entry by entry. Threads may share one.
class ZipFile {
 public:
  /// Throws FileError, naming the file, when it is missing or no zip file, when its directory makes no sense
  /// (see ZipDirectory), or when the name of an entry leads elsewhere. `where` is the reader, for messages;
  /// an entry that is packed may unpack to `most_unpacked` bytes, so that a small file cannot ask for much
  /// memory.
  ZipFile(const std::string& path, std::string_view where, std::uint64_t most_unpacked)
      : path_(path), where_(where) {
    ZipDirectory(InputFile(path), where, most_unpacked);
    int error = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &error));
    if (!archive_) {
      zip_error_t reason;
      zip_error_init_with_code(&reason, error);
      const std::string message = zip_error_strerror(&reason);
      zip_error_fini(&reason);
      refuse("a zip file", message);
    }
    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<zip_uint64_t>(i);
      const char* name = zip_get_name(archive_.get(), index, ZIP_FL_ENC_RAW);
      if (name == nullptr) refuse("a name of every entry", zip_strerror(archive_.get()));
      const std::string_view view(name);
      if (view.starts_with('/') || view.find('\\') != view.npos ||
          (str_cat("/", view, "/")).find("/../") != std::string::npos) {
        refuse("names of entries within the archive", quoted_name(view));
      }
      if (!entries_.emplace(view, index).second)
        refuse("one entry of each name", str_cat("two of ", quoted_name(view)));
    }
  }

  const std::string& path() const { return path_; }
  const std::map<std::string, zip_uint64_t, std::less<>>& entries() const { return entries_; }
  bool contains(std::string_view name) const { return entries_.contains(name); }

  /// Bytes of an entry once unpacked, as the archive states them. Throws FileError when there is no such
  /// entry.
  std::uint64_t size(std::string_view name) const { return stat(name).size; }

  /// Whether an entry must be unpacked from its beginning on whatever is read of it.
  bool is_packed(std::string_view name) const { return stat(name).comp_method != ZIP_CM_STORE; }

  /// Bytes that an entry takes in the file.
  std::uint64_t packed_size(std::string_view name) const { return stat(name).comp_size; }

  /// Fills `out` with the first bytes of an entry, whose checksum is not compared. Throws FileError, naming
  /// the entry, when it is shorter or damaged there.
  void read_unchecked(std::string_view name, std::span<std::uint8_t> out) const {
    const std::lock_guard lock(mutex_);
    const auto file = open(name);
    for (std::size_t done = 0; done < out.size();) done += read_some(*file, name, out.subspan(done));
  }

  /// Fills `out` with the bytes of an entry from `begin` on. The first time, the whole entry is read and its
  /// checksum compared. Throws FileError, naming the entry, when the entry is shorter or damaged.
  void read(std::string_view name, std::uint64_t begin, std::span<std::uint8_t> out) const {
    const zip_stat_t facts = stat(name);
    const std::uint64_t size = facts.size;
    const std::lock_guard lock(mutex_);
    const zip_uint64_t index = index_of(name);
    const auto file = open(name);
    const bool is_known = checked_.contains(index);
    // Compressed entries can only be read in order; even an attempt to seek ends all reading.
    if (!is_known || facts.comp_method != ZIP_CM_STORE) {
      skip(*file, name, begin);
    } else if (zip_fseek(file.get(), static_cast<zip_int64_t>(begin), SEEK_SET) != 0) {
      refuse(str_cat("byte ", begin, " of entry ", quoted_name(name)), zip_file_strerror(file.get()));
    }
    for (std::size_t done = 0; done < out.size();) done += read_some(*file, name, out.subspan(done));
    if (is_known) return;
    // Reading to the end is what makes libzip compare the checksum, but not the size.
    std::uint64_t all = begin + out.size();
    std::vector<std::uint8_t> rest(1 << 16);
    for (;;) {
      const zip_int64_t got = zip_fread(file.get(), rest.data(), rest.size());
      if (got < 0) refuse(str_cat("a whole entry ", quoted_name(name)), zip_file_strerror(file.get()));
      if (got == 0) break;
      all += static_cast<std::uint64_t>(got);
      if (all > size) break;
    }
    if (all != size)
      refuse(str_cat("the ", size, " bytes of entry ", quoted_name(name)), all > size ? "more" : "fewer");
    checked_.insert(index);
  }

 private:
  struct Close {
    void operator()(zip_t* archive) const { zip_discard(archive); }
    void operator()(zip_file_t* file) const { (void)zip_fclose(file); }
  };

  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    raise<FileError>(where_, str_cat(expected, " in '", path_, "'"), got);
  }

  zip_stat_t stat(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    zip_stat_t facts;
    zip_stat_init(&facts);
    constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive_.get(), index_of(name), 0, &facts) != 0 || (facts.valid & needed) != needed) {
      refuse(str_cat("the size of entry ", quoted_name(name)), zip_strerror(archive_.get()));
    }
    return facts;
  }

  zip_uint64_t index_of(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) refuse(str_cat("an entry ", quoted_name(name)), "none");
    return found->second;
  }

  std::unique_ptr<zip_file_t, Close> open(std::string_view name) const {
    std::unique_ptr<zip_file_t, Close> file(zip_fopen_index(archive_.get(), index_of(name), 0));
    if (!file) refuse(str_cat("a readable entry ", quoted_name(name)), zip_strerror(archive_.get()));
    return file;
  }

  std::size_t read_some(zip_file_t& file, std::string_view name, std::span<std::uint8_t> out) const {
    const zip_int64_t got = zip_fread(&file, out.data(), std::min<std::size_t>(out.size(), 1 << 24));
    if (got < 0) refuse(str_cat("a whole entry ", quoted_name(name)), zip_file_strerror(&file));
    if (got == 0) refuse(str_cat(out.size(), " more bytes of entry ", quoted_name(name)), "its end");
    return static_cast<std::size_t>(got);
  }

  void skip(zip_file_t& file, std::string_view name, std::uint64_t count) const {
    std::vector<std::uint8_t> piece(std::min<std::uint64_t>(count, 1 << 16));
    while (count > 0) {
      count -= read_some(file, name, std::span(piece).first(std::min<std::uint64_t>(count, piece.size())));
    }
  }

  std::string path_;
  std::string where_;
  std::unique_ptr<zip_t, Close> archive_;
  std::map<std::string, zip_uint64_t, std::less<>> entries_;
  mutable std::mutex mutex_;  // libzip's archives are not for several threads
  mutable std::set<zip_uint64_t> checked_;
};

}  // namespace pixnerd::detail
