// SPDX-License-Identifier: MIT
/// \file
/// Where a pixel lies within its patch, as features for the neural field.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <numbers>
#include <vector>

#include <pixnerd/nn/table_cache.hpp>

namespace pixnerd {

/// A fixed encoding of positions: `count` numbers per pixel of a height x width patch, pixels row-major.
template <class Basis>
concept CoordinateBasis = requires(std::int64_t size) {
  { Basis::count } -> std::convertible_to<std::int64_t>;
  { Basis::values(size, size) } -> std::convertible_to<std::vector<double>>;
};

/// Products of cosines with damped high frequencies. With u, w from linspace(0, 1) over x and y and f_i =
/// 8i/7: coordinate[8i + j] = cos(pi u f_i) cos(pi w f_j) / (1 + f_i f_j). Source: NerfEmbedder.fetch_pos in
/// pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
struct DctBasis {
  static constexpr std::int64_t frequencies = 8;
  static constexpr std::int64_t count = frequencies * frequencies;

  static std::vector<double> values(std::int64_t height, std::int64_t width) {
    std::vector<double> out;
    out.reserve(static_cast<std::size_t>(height * width * count));
    for (std::int64_t py = 0; py < height; ++py) {
      for (std::int64_t px = 0; px < width; ++px) {
        const double u = std::numbers::pi * linspace(0, 1, width, px),
                     w = std::numbers::pi * linspace(0, 1, height, py);
        for (std::int64_t i = 0; i < frequencies; ++i) {
          for (std::int64_t j = 0; j < frequencies; ++j) {
            const double fi = linspace(0, 8, frequencies, i), fj = linspace(0, 8, frequencies, j);
            out.push_back(std::cos(u * fi) * std::cos(w * fj) / (1 + fi * fj));
          }
        }
      }
    }
    return out;
  }
};

/// Cosines of each axis alone, at frequencies that fall like a rotary embedding's. With x = linspace(0, 16)
/// over the columns, y = linspace(0, 16) over the rows and w_j = 10000^(-4j/128): coordinate[2j] = cos(x
/// w_j), coordinate[2j + 1] = cos(y w_j). Source: NerfEmbedder.fetch_pos in pixnerd_t2i_heavydecoder.py,
/// MCG-NJU/PixNerd@6da060b.
struct AxisCosineBasis {
  static constexpr std::int64_t frequencies = 32;
  static constexpr std::int64_t count = 2 * frequencies;

  static std::vector<double> values(std::int64_t height, std::int64_t width) {
    std::vector<double> out;
    out.reserve(static_cast<std::size_t>(height * width * count));
    for (std::int64_t py = 0; py < height; ++py) {
      for (std::int64_t px = 0; px < width; ++px) {
        for (std::int64_t j = 0; j < frequencies; ++j) {
          const double w = std::pow(10000.0, -4.0 * static_cast<double>(j) / 128.0);
          out.push_back(std::cos(linspace(0, 16, width, px) * w));
          out.push_back(std::cos(linspace(0, 16, height, py) * w));
        }
      }
    }
    return out;
  }
};

}  // namespace pixnerd
