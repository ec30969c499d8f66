// SPDX-License-Identifier: MIT
/// \file
/// Reads NumPy's .npz files, stored or compressed, trusted or not: arrays by name, on demand (link `zip`).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pixnerd/io/convert_elements.hpp>
#include <pixnerd/io/numpy/npy_header.hpp>
#include <pixnerd/io/strided.hpp>
#include <pixnerd/io/zip_file.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// An open .npz file. The constructor reads and checks all headers; an array is read on demand, and its
/// checksum compared on the first read. Has the members of TensorFile. Safe to use from several threads.
///
///     const NpzFile file("statistics.npz");
///     const auto mean = file.tensor<double>("mu");
///
/// Element types are little-endian floats and integers and bool; unsigned integers of more than a byte,
/// complex numbers, strings, structures and pickled objects are refused by name.
class NpzFile {
 public:
  /// Throws FileError, naming the file and the array, when it is missing or anything but whole arrays in a
  /// zip file.
  explicit NpzFile(const std::string& path) : zip_(path, "npz", most_unpacked) {
    for (const auto& [file, number] : zip_.entries()) {
      constexpr std::string_view suffix = ".npy";
      if (!file.ends_with(suffix)) {
        raise<FileError>("npz", str_cat("arrays called NAME.npy in '", path, "'"), detail::quoted_name(file));
      }
      const std::string name = file.substr(0, file.size() - suffix.size());
      check_ratio(file, name);
      entries_.push_back(read_header(file, name));
      index_.emplace(name, entries_.size() - 1);
    }
  }

  const std::string& path() const { return zip_.path(); }

  /// All arrays, sorted by name.
  const std::vector<NpyEntry>& entries() const { return entries_; }

  bool contains(std::string_view name) const { return index_.contains(name); }

  /// Throws FileError when there is no array of that name.
  const NpyEntry& entry(std::string_view name) const {
    const auto found = index_.find(name);
    if (found == index_.end()) {
      raise<FileError>("npz", str_cat("an array ", detail::quoted_name(name), " in '", path(), "'"),
                       str_cat(entries_.size(), " arrays of other names"));
    }
    return entries_[found->second];
  }

  /// The bytes of an array's elements, row-major, whatever their order in the file. Throws ValueError unless
  /// `out` has `entry.bytes` bytes, FileError when the file is damaged there.
  void read_bytes(const NpyEntry& entry, std::span<std::uint8_t> out) const {
    if (out.size() != entry.bytes) {
      raise<ValueError>("npz",
                        str_cat("room for the ", entry.bytes, " bytes of array ", detail::describe(entry)),
                        str_cat(out.size()));
    }
    if (!entry.fortran_order || entry.shape.rank() < 2) {
      zip_.read(file_of(entry), entry.begin, out);
      return;
    }
    std::vector<std::uint8_t> columns(entry.bytes);
    zip_.read(file_of(entry), entry.begin, columns);
    transpose(entry, columns, out);
  }

  /// Reads an array's elements as T, row-major; the same conversions and errors as TensorFile::read().
  template <TensorElement T>
  void read(const NpyEntry& entry, std::span<T> out) const {
    detail::check_readable<T>("npz", path(), entry, out.size());
    if (entry.type == tensor_type_of<T>) {
      read_bytes(entry, std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()));
      return;
    }
    std::vector<std::uint8_t> bytes(entry.bytes);
    read_bytes(entry, bytes);
    detail::convert_or_throw("npz", path(), entry, bytes.data(), out);
  }

  /// Reads the elements from number `first` on, row-major, so an array larger than memory can be read in
  /// pieces. Fast in a stored file; a compressed one is unpacked from its beginning each time. Throws
  /// ValueError beyond the array's end and for column-major arrays.
  template <TensorElement T>
  void read(const NpyEntry& entry, std::uint64_t first, std::span<T> out) const {
    const auto count = static_cast<std::uint64_t>(entry.shape.count());
    if (first > count || out.size() > count - first || (entry.fortran_order && entry.shape.rank() > 1)) {
      raise<ValueError>("npz", str_cat("elements within the row-major array ", detail::describe(entry)),
                        str_cat(out.size(), " from number ", first, " on"));
    }
    detail::check_readable<T>("npz", path(), entry, count);
    const std::uint64_t width = element_bytes(entry.type);
    std::vector<std::uint8_t> bytes(out.size() * width);
    zip_.read(file_of(entry), entry.begin + first * width, bytes);
    detail::convert_or_throw("npz", path(), entry, bytes.data(), out);
  }

  /// All elements, into a new vector.
  template <TensorElement T>
  std::vector<T> read(std::string_view name) const {
    const auto& found = entry(name);
    check_before_allocating(found);
    std::vector<T> out(static_cast<std::size_t>(found.shape.count()));
    read(found, std::span(out));
    return out;
  }

  /// The same, into a new tensor.
  template <TensorElement T, class Device = Cpu>
  Tensor<T, Device> tensor(std::string_view name) const {
    return Tensor<T, Device>::from_host(entry(name).shape, read<T>(name));
  }

  /// Throws FileError, naming the file and the array, unless an array that is to be unpacked into much memory
  /// is as large and undamaged as the file claims. read() and tensor() call it before they take memory; who
  /// allocates for read_bytes() should, too.
  void check_before_allocating(const NpyEntry& entry) const {
    constexpr std::uint64_t much = 8 << 20;
    if (entry.bytes > much && zip_.is_packed(file_of(entry))) zip_.read(file_of(entry), 0, {});
  }

 private:
  /// Compressed arrays of more bytes than this must be compressed less than `most_ratio` to one: who checks
  /// them should not need minutes for a file of a few megabytes.
  static constexpr std::uint64_t large = 512 << 20;
  static constexpr std::uint64_t most_ratio = 16;
  static constexpr std::uint64_t most_unpacked = std::uint64_t{1} << 62;

  static std::string file_of(const NpyEntry& entry) { return entry.name + ".npy"; }

  std::string describe(std::string_view name) const {
    return str_cat("array ", detail::quoted_name(name), " of '", path(), "'");
  }

  void check_ratio(std::string_view file, std::string_view name) const {
    if (!zip_.is_packed(file) || zip_.size(file) <= large ||
        zip_.size(file) / most_ratio <= zip_.packed_size(file))
      return;
    raise<FileError>("npz",
                     str_cat("at most ", large, " bytes, or ", most_ratio,
                             " times those that are stored, in ", describe(name)),
                     str_cat(zip_.size(file), " of ", zip_.packed_size(file)));
  }

  NpyEntry read_header(std::string_view file, const std::string& name) const {
    const std::uint64_t total = zip_.size(file);
    const std::string where = describe(name);
    std::vector<std::uint8_t> head(
        std::min<std::uint64_t>(total, detail::npy_prefix_bytes + detail::npy_text_limit));
    zip_.read_unchecked(file, head);
    const std::size_t begin = detail::npy_data_begin(head, where);
    if (begin > total)
      raise<FileError>("npy", str_cat("a header of ", begin, " bytes in ", where), str_cat(total, " in all"));
    NpyEntry entry = detail::parse_npy_header(std::span(head).first(begin), total, where);
    entry.name = name;
    return entry;
  }

  /// Converts column-major elements to row-major.
  static void transpose(const NpyEntry& entry, std::span<const std::uint8_t> columns,
                        std::span<std::uint8_t> rows) {
    const auto rank = static_cast<std::size_t>(entry.shape.rank());
    std::array<std::uint64_t, Shape::max_rank> strides{};
    std::uint64_t stride = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      strides[axis] = stride;
      stride *= static_cast<std::uint64_t>(entry.shape[static_cast<int>(axis)]);
    }
    detail::gather_strided(entry.shape, std::span(strides).first(rank), element_bytes(entry.type),
                           columns.data(), rows);
  }

  detail::ZipFile zip_;
  std::vector<NpyEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace pixnerd
