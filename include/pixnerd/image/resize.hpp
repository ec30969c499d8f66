// SPDX-License-Identifier: MIT
/// \file
/// Antialiased resizing and the center crops of training images, bit-equal to Pillow 12 (from 13 on, Pillow
/// resizes the rows of tall images first, which rounds differently).
///
/// An output pixel at position o, n -> m pixels, is a weighted mean of the input around c = (o + 1/2) n / m:
/// weights f((i + 1/2 - c) / s) with s = max(n / m, 1), so that shrinking widens the filter, normalized to
/// sum 1 and rounded to multiples of 2^-22. Columns are resized first, then rows, and each pass rounds to 8
/// bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>

namespace pixnerd {

/// The mean of the pixels that an output pixel covers.
struct BoxFilter {
  static constexpr double support = 0.5;
  static double weight(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }
};

/// A triangle: linear interpolation where the image grows.
struct BilinearFilter {
  static constexpr double support = 1.0;
  static double weight(double x) { return std::max(1.0 - std::abs(x), 0.0); }
};

/// Cubic convolution (Keys 1981) with a = -0.5.
struct BicubicFilter {
  static constexpr double support = 2.0;
  static double weight(double x) {
    constexpr double a = -0.5;
    x = std::abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
  }
};

/// A part of the output: `height` x `width` pixels from row `top` and column `left` on.
struct Window {
  std::int64_t top = 0;
  std::int64_t left = 0;
  int height = 0;
  int width = 0;
};

namespace detail {

inline constexpr int weight_bits = 22;
inline constexpr std::int32_t one_half = 1 << (weight_bits - 1);

/// For each output position of a part of an axis: the first input position it reads and its fixed-point
/// weights.
struct ResizeWeights {
  std::vector<int> first;             // [outputs]
  std::vector<int> start;             // [outputs + 1], into `weights`
  std::vector<std::int32_t> weights;  // one output's after another's

  int inputs_begin() const { return first.front(); }
  /// `first` grows along the axis, and so does the end of what is read.
  int inputs_end() const { return first.back() + start.back() - start[start.size() - 2]; }
};

template <class Filter>
ResizeWeights resize_weights(int inputs, std::int64_t outputs, std::int64_t from, int count) {
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  const double stretch = std::max(scale, 1.0);
  const double support = Filter::support * stretch;
  ResizeWeights result;
  result.start.push_back(0);
  std::vector<double> weights;
  for (std::int64_t o = from; o < from + count; ++o) {
    // Volatile prevents FMA contraction: a fused multiply-add rounds differently from Pillow, and pixels on
    // the edge of the box filter would fall on the other side.
    const volatile double rounded = (static_cast<double>(o) + 0.5) * scale;
    const double center = rounded;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), inputs);
    weights.clear();
    double sum = 0;
    for (int i = 0; i < end - begin; ++i) {
      weights.push_back(Filter::weight((i + begin - center + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    for (double weight : weights) {
      if (sum != 0) weight /= sum;
      const double fixed = weight * (1 << weight_bits);
      result.weights.push_back(static_cast<std::int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
    result.first.push_back(begin);
    result.start.push_back(static_cast<int>(result.weights.size()));
  }
  return result;
}

inline std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> weight_bits, 0, 255));
}

/// Resizes the rows [begin, end) of an image along x.
inline Image resize_columns(const Image& image, const ResizeWeights& plan, int begin, int end) {
  Image out(end - begin, static_cast<int>(plan.first.size()));
  for (int y = begin; y < end; ++y) {
    std::uint8_t* to = out.pixel(y - begin, 0);
    for (std::size_t x = 0; x < plan.first.size(); ++x, to += 3) {
      const std::uint8_t* from = image.pixel(y, plan.first[x]);
      std::int32_t sums[3] = {one_half, one_half, one_half};
      for (int k = plan.start[x]; k < plan.start[x + 1]; ++k, from += 3) {
        for (int c = 0; c < 3; ++c) sums[c] += from[c] * plan.weights[static_cast<std::size_t>(k)];
      }
      for (int c = 0; c < 3; ++c) to[c] = to_byte(sums[c]);
    }
  }
  return out;
}

/// Resizes along y an image whose row 0 is row `begin` of the one that `plan` was made for.
inline Image resize_rows(const Image& image, const ResizeWeights& plan, int begin) {
  Image out(static_cast<int>(plan.first.size()), image.width);
  const std::size_t bytes = static_cast<std::size_t>(image.width) * 3;
  std::vector<std::int32_t> sums(bytes);
  for (int y = 0; y < out.height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    std::fill(sums.begin(), sums.end(), one_half);
    for (int k = plan.start[row]; k < plan.start[row + 1]; ++k) {
      const std::uint8_t* from = image.pixel(plan.first[row] - begin + k - plan.start[row], 0);
      const std::int32_t weight = plan.weights[static_cast<std::size_t>(k)];
      for (std::size_t i = 0; i < bytes; ++i) sums[i] += from[i] * weight;
    }
    std::transform(sums.begin(), sums.end(), out.pixel(y, 0), to_byte);
  }
  return out;
}

}  // namespace detail

/// The part `window` of `image` resized to `height` x `width`: only that part is computed.
/// Throws ValueError when the image is empty or the window is empty or does not lie in the output.
template <class Filter>
Image resize(const Image& image, std::int64_t height, std::int64_t width, const Window& window) {
  if (image.height < 1 || image.width < 1)
    raise<ValueError>("resize", "an image with pixels", "an empty one");
  if (window.height < 1 || window.width < 1 || window.top < 0 || window.left < 0 ||
      window.top + window.height > height || window.left + window.width > width) {
    raise<ValueError>(
        "resize", str_cat("a window with pixels within ", height, " x ", width),
        str_cat(window.height, " x ", window.width, " from (", window.top, ", ", window.left, ")"));
  }
  const auto rows = detail::resize_weights<Filter>(image.height, height, window.top, window.height);
  const auto columns = detail::resize_weights<Filter>(image.width, width, window.left, window.width);
  const Image narrowed = detail::resize_columns(image, columns, rows.inputs_begin(), rows.inputs_end());
  return detail::resize_rows(narrowed, rows, rows.inputs_begin());
}

/// `image` resized to `height` x `width` pixels. Throws ValueError when either is empty.
template <class Filter>
Image resize(const Image& image, int height, int width) {
  return resize<Filter>(image, height, width, Window{0, 0, height, width});
}

namespace detail {

/// Throws ValueError unless an image can be cropped to `size` x `size` pixels.
inline void check_crop(const Image& image, int size) {
  if (size < 1 || static_cast<std::uint32_t>(size) > max_image_side) {
    raise<ValueError>("center crop", str_cat("a size of 1 to ", max_image_side, " pixels"), str_cat(size));
  }
  if (image.rgb.empty()) raise<ValueError>("center crop", "an image with pixels", "an empty one");
}

}  // namespace detail

/// The largest centered square, `size` x `size` pixels, as class-conditional models are trained on: halves
/// the image with a box filter (sizes floored) while its short side is at least 2 size, resizes the short
/// side to `size` bicubically (the long one rounded half to even), and cuts the middle out (offset floored).
/// Throws ValueError when the image is empty or `size` is below 1 or above 65535. Source: center_crop_arr()
/// in guided_diffusion/image_datasets.py of openai/guided-diffusion (ADM).
inline Image center_crop(const Image& image, int size) {
  detail::check_crop(image, size);
  Image halved;
  const Image* source = &image;
  while (std::min(source->height, source->width) / 2 >= size) {
    halved = resize<BoxFilter>(*source, source->height / 2, source->width / 2);
    source = &halved;
  }
  const double scale = static_cast<double>(size) / std::min(source->height, source->width);
  const auto height = static_cast<std::int64_t>(std::nearbyint(source->height * scale));
  const auto width = static_cast<std::int64_t>(std::nearbyint(source->width * scale));
  const Window middle{(height - size) / 2, (width - size) / 2, size, size};
  return resize<BicubicFilter>(*source, height, width, middle);
}

/// The same square as text-to-image models are trained on: resizes the short side to `size` bilinearly in one
/// step (the long one floored) and cuts the middle out (offset rounded half to even), as torchvision's Resize
/// and CenterCrop do with Pillow's images. Throws like center_crop(). Source: torchvision 0.29,
/// transforms.Resize and transforms.CenterCrop.
inline Image bilinear_center_crop(const Image& image, int size) {
  detail::check_crop(image, size);
  const std::int64_t shorter = std::min(image.height, image.width);
  const auto resized = [&](int side) { return std::int64_t{size} * side / shorter; };
  const auto offset = [&](std::int64_t side) {
    return static_cast<std::int64_t>(std::nearbyint(0.5 * static_cast<double>(side - size)));
  };
  const std::int64_t height = resized(image.height), width = resized(image.width);
  return resize<BilinearFilter>(image, height, width, {offset(height), offset(width), size, size});
}

}  // namespace pixnerd
