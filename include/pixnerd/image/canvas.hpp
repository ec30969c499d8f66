// SPDX-License-Identifier: MIT
/// \file
/// Drawing lines and small text into an image, as much as a loss curve needs.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <pixnerd/image/image.hpp>

namespace pixnerd {

using Color = std::array<std::uint8_t, 3>;

namespace detail {

/// A glyph is seven rows of five pixels; `rows` holds the rows from top to bottom, each as five bits.
struct Glyph {
  char character;
  std::array<std::uint8_t, 7> rows;
};

inline constexpr Glyph glyphs[] = {
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 2, 4, 8, 31}},     {'3', {31, 2, 4, 2, 1, 17, 14}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
    {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'.', {0, 0, 0, 0, 0, 12, 12}},      {'-', {0, 0, 0, 31, 0, 0, 0}},
    {'e', {0, 0, 14, 17, 31, 16, 14}},   {'k', {16, 16, 18, 20, 24, 20, 18}},
    {'l', {12, 4, 4, 4, 4, 4, 14}},      {'o', {0, 0, 14, 17, 17, 17, 14}},
    {'p', {0, 0, 30, 17, 30, 16, 16}},   {'s', {0, 0, 15, 16, 14, 1, 30}},
    {'t', {8, 8, 28, 8, 8, 9, 6}},
};

}  // namespace detail

/// Draws into an image that it does not own. Whatever lies outside is clipped.
class Canvas {
 public:
  explicit Canvas(Image& image) : image_(&image) {}

  /// A filled rectangle with the upper left corner (x, y).
  void fill(int x, int y, int width, int height, const Color& color) {
    for (int row = std::max(y, 0); row < std::min(y + height, image_->height); ++row) {
      for (int column = std::max(x, 0); column < std::min(x + width, image_->width); ++column) {
        std::copy(color.begin(), color.end(), image_->pixel(row, column));
      }
    }
  }

  /// A straight line, `thickness` pixels wide, centered on its ends.
  void line(double x0, double y0, double x1, double y1, int thickness, const Color& color) {
    const int steps = 1 + static_cast<int>(std::max(std::abs(x1 - x0), std::abs(y1 - y0)));
    for (int i = 0; i <= steps; ++i) {
      const double part = static_cast<double>(i) / steps;
      const auto x = static_cast<int>(std::lround(x0 + (x1 - x0) * part));
      const auto y = static_cast<int>(std::lround(y0 + (y1 - y0) * part));
      fill(x - thickness / 2, y - thickness / 2, thickness, thickness, color);
    }
  }

  static int text_width(std::string_view text, int scale) {
    return static_cast<int>(text.size()) * 6 * scale;
  }

  /// Text with the upper left corner (x, y), a glyph being 5 x 7 dots of `scale` pixels. Characters that have
  /// no glyph leave a gap.
  void write(int x, int y, std::string_view text, int scale, const Color& color) {
    for (const char character : text) {
      for (const auto& glyph : detail::glyphs) {
        if (glyph.character != character) continue;
        for (int row = 0; row < 7; ++row) {
          for (int column = 0; column < 5; ++column) {
            if ((glyph.rows[static_cast<std::size_t>(row)] >> (4 - column) & 1) == 0) continue;
            fill(x + column * scale, y + row * scale, scale, scale, color);
          }
        }
      }
      x += 6 * scale;
    }
  }

 private:
  Image* image_;
};

}  // namespace pixnerd
