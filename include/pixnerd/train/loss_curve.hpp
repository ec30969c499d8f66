// SPDX-License-Identifier: MIT
/// \file
/// The loss of a training run as a picture: every step in light color, their average over it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <pixnerd/image/resize.hpp>

#include <pixnerd/image/canvas.hpp>
#include <pixnerd/train/metrics.hpp>

namespace pixnerd {

namespace detail {

/// The largest of 1, 2 and 5 times a power of ten that is at most `value`, above 0.
inline double round_number_below(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  const double mantissa = value / power * (1 + 1e-9);
  return power * (mantissa >= 5 ? 5 : mantissa >= 2 ? 2 : 1);
}

/// The next of 1, 2, 5, 10, 20 ... after a number of this kind.
inline double next_round_number(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value * (1 + 1e-9))));
  return value / power > 1.5 && value / power < 2.5 ? value * 2.5 : value * 2;
}

/// Geometric means over a window around each row, a fiftieth of all rows wide.
inline std::vector<double> centered_averages(const std::vector<MetricsRow>& rows) {
  std::vector<double> sums{0};
  for (const auto& row : rows) sums.push_back(sums.back() + std::log(row.loss));
  const std::size_t reach = 1 + rows.size() / 100;
  std::vector<double> averages;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t before = std::min(reach, i);
    // At the start, where losses fall fast, the window is as wide on either side.
    const std::size_t after = std::min({reach, rows.size() - 1 - i, i < reach ? before : reach});
    averages.push_back(
        std::exp((sums[i + after + 1] - sums[i - before]) / static_cast<double>(before + after + 1)));
  }
  return averages;
}

inline std::string short_number(double value) {
  char digits[32];
  if (value >= 10'000) {
    std::snprintf(digits, sizeof digits, "%gk", value / 1000);
  } else {
    std::snprintf(digits, sizeof digits, "%g", value);
  }
  return digits;
}

}  // namespace detail

/// Draws losses over steps, 800 x 500 pixels, the loss on a logarithmic axis. Losses that are not above zero
/// have no place on it and are left out; nothing is drawn but the axes when none remain.
inline Image draw_loss_curve(const std::vector<MetricsRow>& rows) {
  // Everything is drawn at twice the size and averaged down, which smooths the lines.
  constexpr int width = 1600, height = 1000, left = 180, right = 40, top = 70, bottom = 130;
  constexpr Color black{40, 40, 40}, grid{228, 228, 228}, faint{176, 205, 235}, strong{21, 95, 165};
  Image image(height, width, 255);
  Canvas canvas(image);

  std::vector<MetricsRow> shown;
  for (const auto& row : rows) {
    if (row.loss > 0 && std::isfinite(row.loss)) shown.push_back(row);
  }
  double least = 0.1, most = 1;
  double last_step = 1;
  if (!shown.empty()) {
    const auto [low, high] = std::minmax_element(
        shown.begin(), shown.end(), [](const auto& a, const auto& b) { return a.loss < b.loss; });
    least = low->loss;
    most = high->loss;
    last_step = std::max<double>(1, static_cast<double>(shown.back().step));
  }
  least = detail::round_number_below(least);
  double above = least;
  while (above < most * (1 + 1e-9)) above = detail::next_round_number(above);
  most = above;

  const auto x_of = [&](double step) { return left + (width - left - right) * step / last_step; };
  const auto y_of = [&](double loss) {
    return height - bottom - (height - top - bottom) * std::log(loss / least) / std::log(most / least);
  };

  // Over many powers of ten, 2 and 5 would crowd the axis.
  const bool powers_only = std::log10(most / least) > 4;
  for (double tick = least; tick < most * (1 + 1e-9); tick = detail::next_round_number(tick)) {
    const double exponent = std::log10(tick);
    if (powers_only && std::abs(exponent - std::round(exponent)) > 1e-6) continue;
    const std::string label = detail::short_number(tick);
    const int y = static_cast<int>(y_of(tick));
    canvas.fill(left, y - 1, width - left - right, 2, grid);
    canvas.write(left - 20 - Canvas::text_width(label, 4), y - 14, label, 4, black);
  }
  double spacing = detail::round_number_below(std::max(1.0, last_step / 4));
  if (last_step / spacing > 9) spacing = detail::next_round_number(spacing);
  for (double tick = 0; tick <= last_step; tick += spacing) {
    const std::string label = detail::short_number(tick);
    const int x = static_cast<int>(x_of(tick));
    canvas.fill(x - 1, top, 2, height - top - bottom, grid);
    canvas.write(x - Canvas::text_width(label, 4) / 2, height - bottom + 20, label, 4, black);
  }
  canvas.fill(left - 2, top, 4, height - top - bottom, black);
  canvas.fill(left - 2, height - bottom - 2, width - left - right + 4, 4, black);
  canvas.write((left + width - right - Canvas::text_width("step", 4)) / 2, height - 50, "step", 4, black);
  canvas.write(left - 20 - Canvas::text_width("loss", 4), 16, "loss", 4, black);

  const std::vector<double> averages = detail::centered_averages(shown);
  const auto draw = [&](auto value_of, int thickness, const Color& color) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const std::size_t from = i == 0 ? 0 : i - 1;
      canvas.line(x_of(static_cast<double>(shown[from].step)), y_of(value_of(from)),
                  x_of(static_cast<double>(shown[i].step)), y_of(value_of(i)), thickness, color);
    }
  };
  draw([&](std::size_t i) { return shown[i].loss; }, 2, faint);
  draw([&](std::size_t i) { return averages[i]; }, 5, strong);
  return resize<BoxFilter>(image, height / 2, width / 2);
}

}  // namespace pixnerd
