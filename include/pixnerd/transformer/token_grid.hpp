// SPDX-License-Identifier: MIT
/// \file
/// Tokens that lie on a grid, seen as an image with D channels, and on a grid of another size.
#pragma once

#include <cmath>
#include <cstdint>

#include <pixnerd/ops/interpolate.hpp>
#include <pixnerd/ops/patchify.hpp>

namespace pixnerd {

/// Rows and columns of a grid of tokens.
struct TokenGrid {
  std::int64_t rows = 0, columns = 0;

  bool operator==(const TokenGrid&) const = default;
};

/// The grid that `length` tokens of an image of height x width pixels form, one token a square of pixels.
/// Throws ShapeError when no such grid has that many.
inline TokenGrid token_grid(std::int64_t length, std::int64_t height, std::int64_t width) {
  const double ratio = static_cast<double>(height) / static_cast<double>(width);
  const std::int64_t rows = std::llround(std::sqrt(static_cast<double>(length) * ratio));
  const std::int64_t columns = rows > 0 ? length / rows : 0;
  if (rows < 1 || rows * columns != length || rows * width != columns * height) {
    raise<ShapeError>("token grid", str_cat("tokens that cover ", height, " x ", width, " pixels in squares"),
                      str_cat(length));
  }
  return {rows, columns};
}

/// Tokens (B, L, D), row by row of `from`, as an image (B, D, rows, columns).
template <class T, class Device>
Tensor<T, Device> grid_image(const Tensor<T, Device>& tokens, const TokenGrid& from) {
  if (tokens.rank() != 3) raise<ShapeError>("token grid", "tokens (B, L, D)", str_cat(tokens.shape()));
  return fold(tokens, tokens.size(2), from.rows, from.columns, 1, 1, PatchLayout::channels_last);
}

/// The inverse: an image (B, D, rows, columns) as tokens (B, L, D).
template <class T, class Device>
Tensor<T, Device> grid_tokens(const Tensor<T, Device>& image) {
  return patchify(image, 1, 1, PatchLayout::channels_last);
}

/// Tokens (B, L, D) of the grid `from` as tokens of the grid `to`, by interpolate(); themselves where the
/// grids are equal.
template <class T, class Device>
Tensor<T, Device> resize_token_grid(const Tensor<T, Device>& tokens, const TokenGrid& from,
                                    const TokenGrid& to, Interpolation mode = Interpolation::bilinear) {
  if (from == to) return tokens;
  return grid_tokens(interpolate(grid_image(tokens, from), to.rows, to.columns, mode));
}

}  // namespace pixnerd
