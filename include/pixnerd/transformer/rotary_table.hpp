// SPDX-License-Identifier: MIT
/// \file
/// Two-dimensional rotary position table.
#pragma once

#include <cmath>
#include <vector>

#include <pixnerd/nn/table_cache.hpp>

namespace pixnerd {

/// Cosines and sines for a grid of rows x columns tokens, row-major: (rows * columns, d).
///
/// With x = linspace(0, x_end, columns), y = linspace(0, y_end, rows) and w_j = 10000^(-4j/d), complex pair
/// 2j of a head turns by x w_j and pair 2j+1 by y w_j; elements 2p and 2p+1 of a row hold cosine and sine of
/// pair p's angle. Throws ValueError unless the head width d is a multiple of 4. Source:
/// precompute_freqs_cis_2d in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class T, class Device>
Tensor<T, Device> rotary_table(std::int64_t rows, std::int64_t columns, std::int64_t head_width,
                               double x_end = 16, double y_end = 16) {
  if (head_width < 4 || head_width % 4 != 0) {
    raise<ValueError>("rotary_table", "a head width that is a multiple of 4", str_cat(head_width));
  }
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(rows * columns * head_width));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      const double x = linspace(0, x_end, columns, column), y = linspace(0, y_end, rows, row);
      for (std::int64_t j = 0; j < head_width / 4; ++j) {
        const double frequency =
            std::pow(10000.0, -4.0 * static_cast<double>(j) / static_cast<double>(head_width));
        for (const double angle : {x * frequency, y * frequency}) {
          values.push_back(static_cast<T>(std::cos(angle)));
          values.push_back(static_cast<T>(std::sin(angle)));
        }
      }
    }
  }
  return Tensor<T, Device>::from_host({rows * columns, head_width}, values);
}

/// Where the last row and column of a grid of tokens lie, for rotary_table().
struct RotaryEnds {
  double x = 16, y = 16;
};

/// Both axes end at 16, whatever the size of the grid. Source: PixNerDiT.fetch_pos in pixnerd_c2i.py,
/// MCG-NJU/PixNerd@6da060b.
struct StretchedPositions {
  static RotaryEnds ends(std::int64_t, std::int64_t) { return {}; }
};

/// The axes end at the sizes of the grid, height and width crossed as they are in the published code. Source:
/// PixNerDiT.fetch_pos in pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
struct CrossedGridPositions {
  static RotaryEnds ends(std::int64_t rows, std::int64_t columns) {
    return {static_cast<double>(rows), static_cast<double>(columns)};
  }
};

}  // namespace pixnerd
