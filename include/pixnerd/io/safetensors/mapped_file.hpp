// SPDX-License-Identifier: MIT
/// \file
/// safetensors files mapped into memory, for trusted files that nobody modifies while they are open.
///
/// Mapping reads pages on first use, and processes that map the same file share them. The price: touching a
/// page that a truncated file no longer has, or that the disk cannot read, kills the process (SIGBUS), which
/// cannot be turned into an exception. So everything else in this library uses SafetensorsFile; mapping is
/// opt-in.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <pixnerd/io/safetensors/file.hpp>

namespace pixnerd {

/// A SafetensorsFile whose tensors can also be accessed in place, without a copy. Safe to use from several
/// threads. Spans are valid as long as this object lives.
///
///     const MappedSafetensors file("model.safetensors");
///     for (const float weight : file.elements<float>("s_embedder.proj.weight")) …
class MappedSafetensors : public SafetensorsFile {
 public:
  /// Throws FileError as SafetensorsFile does, and when the file cannot be mapped.
  explicit MappedSafetensors(const std::string& path) : SafetensorsFile(path) {
    void* const begin = ::mmap(nullptr, file_.size(), PROT_READ, MAP_PRIVATE, file_.descriptor(), 0);
    if (begin == MAP_FAILED) {
      const int number = errno;
      raise<FileError>("safetensors", str_cat("room to map the ", file_.size(), " bytes of '", path, "'"),
                       errno_text(number));
    }
    begin_ = static_cast<const std::uint8_t*>(begin);
  }
  MappedSafetensors(MappedSafetensors&& other) noexcept
      : SafetensorsFile(std::move(other)), begin_(std::exchange(other.begin_, nullptr)) {}
  MappedSafetensors& operator=(MappedSafetensors&&) = delete;
  ~MappedSafetensors() override {
    if (begin_ != nullptr) ::munmap(const_cast<std::uint8_t*>(begin_), file_.size());
  }

  /// The bytes of a tensor. Throws FileError when there is none of that name.
  std::span<const std::uint8_t> bytes(std::string_view name) const {
    const auto& found = entry(name);
    return {begin_ + data_begin_ + found.begin, found.bytes};
  }

  /// The elements of a tensor, row-major. Throws FileError when there is none of that name, when its type is
  /// not T, or when it is not aligned to T's size, which the format allows; read() handles both.
  template <TensorElement T>
  std::span<const T> elements(std::string_view name) const {
    const auto& found = entry(name);
    if (found.type != tensor_type_of<T> || (data_begin_ + found.begin) % alignof(T) != 0) {
      raise<FileError>("safetensors",
                       str_cat("elements of type ", type_name(tensor_type_of<T>), " at a multiple of ",
                               alignof(T), " bytes in '", path(), "'"),
                       str_cat("tensor ", detail::describe(found), " at byte ", data_begin_ + found.begin));
    }
    return {reinterpret_cast<const T*>(begin_ + data_begin_ + found.begin),
            static_cast<std::size_t>(found.shape.count())};
  }

 private:
  const std::uint8_t* begin_ = nullptr;
};

}  // namespace pixnerd
