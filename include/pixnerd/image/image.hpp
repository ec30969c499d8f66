// SPDX-License-Identifier: MIT
/// \file
/// The image type of all readers and writers, and the limits on image sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/core/error.hpp>

namespace pixnerd {

/// 8-bit RGB pixels, interleaved and row-major: channel c of the pixel in row y, column x is `rgb[(y * width
/// + x) * 3 + c]`.
struct Image {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb;

  Image() = default;

  /// `height` x `width` pixels, every channel `fill`.
  Image(int height_, int width_, std::uint8_t fill = 0)
      : height(height_),
        width(width_),
        rgb(static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_) * 3, fill) {}

  std::uint8_t* pixel(int y, int x) { return rgb.data() + offset(y, x); }
  const std::uint8_t* pixel(int y, int x) const { return rgb.data() + offset(y, x); }

  bool operator==(const Image&) const = default;

 private:
  std::size_t offset(int y, int x) const {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * 3;
  }
};

/// Largest width and height of an image that is read.
inline constexpr std::uint32_t max_image_side = 65'535;
/// Most pixels of an image that is read (a decoded image of this size takes 400 MB).
inline constexpr std::uint64_t max_image_pixels = std::uint64_t{1} << 27;
/// Images larger than this, in decoded bytes, are first decoded once with the pixels discarded, so a damaged
/// file allocates nothing for them.
inline constexpr std::uint64_t max_unchecked_image_bytes = 48 << 20;
/// Largest image file that is read.
inline constexpr std::uint64_t max_image_file_bytes = std::uint64_t{1} << 29;

namespace detail {

/// Throws FileError for sizes beyond the limits and for sizes whose data cannot fit into the file, before
/// memory is allocated. `most_pixels` is an upper bound: what the format's best compression could fit into
/// the file.
inline void check_image_size(const std::string& where, const std::string& name, std::uint64_t height,
                             std::uint64_t width, std::uint64_t most_pixels) {
  const std::string got = str_cat(width, " x ", height);
  if (height == 0 || width == 0 || height > max_image_side || width > max_image_side ||
      height * width > max_image_pixels) {
    raise<FileError>(where,
                     str_cat("an image of at most ", max_image_side, " pixels a side and ", max_image_pixels,
                             " in all in '", name, "'"),
                     got);
  }
  if (height * width > most_pixels) {
    raise<FileError>(where, str_cat("the pixels of the whole image in '", name, "'"),
                     str_cat("a file too short for ", got));
  }
}

}  // namespace detail
}  // namespace pixnerd
