// SPDX-License-Identifier: MIT
/// \file
/// Images enlarged pixel by pixel, and arranged in rows and columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>

namespace pixnerd {

/// The image with each pixel as zoom x zoom pixels.
inline Image enlarged(const Image& image, int zoom) {
  Image out(image.height * zoom, image.width * zoom);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) std::copy_n(image.pixel(y / zoom, x / zoom), 3, out.pixel(y, x));
  }
  return out;
}

/// Images of one size side by side, `columns` in a row, `gap` white pixels between them and around.
/// Throws ValueError when there are none, when their sizes differ, or when columns < 1 or gap < 0.
inline Image image_grid(const std::vector<Image>& images, int columns, int gap = 2) {
  if (images.empty() || columns < 1 || gap < 0) {
    raise<ValueError>("image grid", "at least one image and one column, and a gap of 0 or more",
                      str_cat(images.size(), " images, ", columns, " columns, gap ", gap));
  }
  const int height = images.front().height;
  const int width = images.front().width;
  const int count = static_cast<int>(images.size());
  columns = std::min(columns, count);
  const int rows = (count + columns - 1) / columns;
  Image grid(rows * (height + gap) + gap, columns * (width + gap) + gap, 255);
  for (int i = 0; i < count; ++i) {
    const Image& image = images[static_cast<std::size_t>(i)];
    if (image.height != height || image.width != width) {
      raise<ValueError>("image grid", str_cat("images of ", height, " x ", width),
                        str_cat(image.height, " x ", image.width));
    }
    for (int y = 0; y < height; ++y) {
      std::copy_n(image.pixel(y, 0), 3 * width,
                  grid.pixel(gap + i / columns * (height + gap) + y, gap + i % columns * (width + gap)));
    }
  }
  return grid;
}

}  // namespace pixnerd
