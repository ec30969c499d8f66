// SPDX-License-Identifier: MIT
/// \file
/// Converts 8-bit interleaved images to a model's tensors, float planes in [-1, 1], and back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pixnerd/core/error.hpp>
#include <pixnerd/image/image.hpp>
#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Writes `height` x `width` interleaved RGB pixels as three planes, x = v / 127.5 - 1, mirrored left to
/// right if `flip`. `planes` has room for 3 * height * width elements.
inline void write_planes(const std::uint8_t* rgb, int height, int width, bool flip, float* planes) {
  const std::ptrdiff_t plane = std::ptrdiff_t{height} * width;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, rgb += 3) {
      float* to = planes + std::ptrdiff_t{y} * width + (flip ? width - 1 - x : x);
      for (int c = 0; c < 3; ++c) to[c * plane] = static_cast<float>(rgb[c]) / 127.5f - 1.0f;
    }
  }
}

/// An image as a tensor (1, 3, H, W) in [-1, 1].
inline Tensor<float> to_tensor(const Image& image) {
  Tensor<float> out({1, 3, image.height, image.width});
  write_planes(image.rgb.data(), image.height, image.width, false, out.data());
  return out;
}

/// The images of a tensor (B, 3, H, W): v = clip((x + 1) * 127.5 + 0.5, 0, 255), truncated. NaN becomes
/// black. Throws ShapeError for another shape. Source: fp2uint8() in src/models/autoencoder/base.py of
/// MCG-NJU/PixNerd (commit ef433ac).
inline std::vector<Image> to_images(const Tensor<float>& x) {
  if (x.rank() != 4 || x.size(1) != 3)
    raise<ShapeError>("to_images", "a tensor (B, 3, H, W)", str_cat(x.shape()));
  const std::ptrdiff_t plane = x.size(2) * x.size(3);
  std::vector<Image> images;
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    Image& image = images.emplace_back(static_cast<int>(x.size(2)), static_cast<int>(x.size(3)));
    const float* planes = x.data() + b * 3 * plane;
    for (std::ptrdiff_t i = 0; i < plane; ++i) {
      for (int c = 0; c < 3; ++c) {
        const float value = (planes[c * plane + i] + 1.0f) * 127.5f + 0.5f;
        image.rgb[static_cast<std::size_t>(3 * i + c)] =
            value > 0.0f ? static_cast<std::uint8_t>(std::min(value, 255.0f)) : std::uint8_t{0};
      }
    }
  }
  return images;
}

}  // namespace pixnerd
