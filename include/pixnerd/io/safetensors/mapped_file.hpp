/// \file
/// safetensors files mapped into memory, for files that nobody changes meanwhile.
///
/// Mapping reads nothing before it is used, and pages that several processes map exist once. In return the system kills the
/// process (SIGBUS) when it touches a page that a truncated file no longer has or the disk cannot read: no exception can
/// be made of that. So everything else in this library reads files by SafetensorsFile; this is for those who ask for it.
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

/// An open safetensors file whose tensors can be looked at where they lie, beside what SafetensorsFile does. Threads may share
/// one. What it gives out lives as long as it does.
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

  /// The elements of a tensor, row-major. Throws FileError when there is none of that name, when its type is another than T,
  /// or when it lies at no multiple of T's size, as the format allows; read() takes those.
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
