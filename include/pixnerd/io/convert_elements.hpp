// SPDX-License-Identifier: MIT
/// \file
/// Converts elements of files to C++ types: which C++ type each element type is, and which conversions are
/// allowed.
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <pixnerd/core/bfloat16.hpp>
#include <pixnerd/io/tensor_entry.hpp>

namespace pixnerd {

/// Types tensors of a file are read as: the floating ones from F64, F32, F16 and BF16, the integers from I64
/// … U8 and BOOL, bfloat16 from BF16 alone.
template <class T>
concept TensorElement = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, bfloat16> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::int32_t> || std::same_as<T, std::int16_t> ||
    std::same_as<T, std::int8_t> || std::same_as<T, std::uint8_t>;

/// The element type that holds exactly a T.
template <TensorElement T>
constexpr TensorType tensor_type_of = std::same_as<T, double>         ? TensorType::f64
                                      : std::same_as<T, float>        ? TensorType::f32
                                      : std::same_as<T, bfloat16>     ? TensorType::bf16
                                      : std::same_as<T, std::int64_t> ? TensorType::i64
                                      : std::same_as<T, std::int32_t> ? TensorType::i32
                                      : std::same_as<T, std::int16_t> ? TensorType::i16
                                      : std::same_as<T, std::int8_t>  ? TensorType::i8
                                                                      : TensorType::u8;

namespace detail {

static_assert(std::endian::native == std::endian::little,
              "tensors in files are little-endian, and are copied as they lie");

/// IEEE binary16: one sign bit, five exponent bits, ten mantissa bits. Every value is a float.
struct Float16 {
  std::uint16_t bits = 0;

  explicit operator float() const {
    const std::uint32_t sign = (bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    if (magnitude < 0x0400u) {  // zero and subnormal: mantissa times 2^-24
      const float value = static_cast<float>(magnitude) * 0x1p-24f;
      return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
    }
    const std::uint32_t bias = magnitude >= 0x7c00u ? (255u - 31u) << 23 : (127u - 15u) << 23;
    return std::bit_cast<float>(sign | ((magnitude << 13) + bias));
  }
};

/// BOOL: a byte that must be 0 or 1.
struct StoredBool {
  std::uint8_t byte = 0;
};

/// Calls `visitor` with a value of the C++ type that `type` stores.
template <class Visitor>
decltype(auto) visit_tensor_type(TensorType type, Visitor&& visitor) {
  switch (type) {
    case TensorType::f64:
      return visitor(double{});
    case TensorType::f32:
      return visitor(float{});
    case TensorType::f16:
      return visitor(Float16{});
    case TensorType::bf16:
      return visitor(bfloat16{});
    case TensorType::i64:
      return visitor(std::int64_t{});
    case TensorType::i32:
      return visitor(std::int32_t{});
    case TensorType::i16:
      return visitor(std::int16_t{});
    case TensorType::i8:
      return visitor(std::int8_t{});
    case TensorType::u8:
      return visitor(std::uint8_t{});
    case TensorType::boolean:
      break;
  }
  return visitor(StoredBool{});
}

/// Whether a T is ever made from a stored Source.
template <class T, class Source>
constexpr bool is_convertible_to =
    std::same_as<T, Source> ||
    (std::floating_point<T> &&
     (std::floating_point<Source> || std::same_as<Source, Float16> || std::same_as<Source, bfloat16>)) ||
    (std::integral<T> && (std::integral<Source> || std::same_as<Source, StoredBool>));

template <TensorElement T>
bool is_readable_as(TensorType type) {
  return visit_tensor_type(type, []<class Source>(Source) { return is_convertible_to<T, Source>; });
}

/// Makes a T of a stored value; false where no T is near it.
template <class T, class Source>
bool convert_element(Source source, T& out) {
  if constexpr (std::same_as<T, Source>) {
    out = source;
    return true;
  } else if constexpr (std::same_as<Source, StoredBool>) {
    out = source.byte;
    return source.byte <= 1;
  } else if constexpr (std::integral<T>) {
    out = static_cast<T>(source);
    return std::in_range<T>(source);
  } else if constexpr (std::same_as<T, float> && std::same_as<Source, double>) {
    // The cast is undefined for finite numbers outside float's range.
    const bool fits = !(std::abs(source) > std::numeric_limits<float>::max()) || std::isinf(source);
    if (fits) out = static_cast<float>(source);
    return fits;
  } else if constexpr (std::floating_point<Source>) {
    out = source;
    return true;
  } else {
    out = static_cast<float>(source);
    return true;
  }
}

/// Reads `out.size()` elements of type `type` from `bytes`; false where one of them cannot be a T.
template <TensorElement T>
bool convert_elements(TensorType type, const std::uint8_t* bytes, std::span<T> out) {
  return visit_tensor_type(type, [&]<class Source>(Source source) {
    if constexpr (is_convertible_to<T, Source>) {
      bool fits = true;
      for (auto& value : out) {
        std::memcpy(&source, bytes, sizeof source);
        bytes += sizeof source;
        fits = convert_element(source, value) && fits;
      }
      return fits;
    } else {
      return false;
    }
  });
}

/// Throws ValueError unless there is room for all elements of a tensor, FileError unless they can be read as
/// T.
template <TensorElement T>
void check_readable(const char* where, const std::string& path, const TensorEntry& entry, std::size_t room) {
  if (static_cast<std::uint64_t>(entry.shape.count()) != room) {
    raise<ValueError>(where, str_cat("room for the elements of tensor ", describe(entry)),
                      str_cat(room, " elements"));
  }
  if (!is_readable_as<T>(entry.type)) {
    raise<FileError>(
        where, str_cat("elements that can be read as ", type_name(tensor_type_of<T>), " in '", path, "'"),
        str_cat("tensor ", describe(entry)));
  }
}

/// Converts elements of a tensor. Throws FileError when one of them is beyond T.
template <TensorElement T>
void convert_or_throw(const char* where, const std::string& path, const TensorEntry& entry,
                      const std::uint8_t* bytes, std::span<T> out) {
  if (convert_elements(entry.type, bytes, out)) return;
  raise<FileError>(where,
                   str_cat("numbers within the range of ", type_name(tensor_type_of<T>), " in '", path, "'"),
                   str_cat("others in tensor ", describe(entry)));
}

}  // namespace detail
}  // namespace pixnerd
