// SPDX-License-Identifier: MIT
/// \file
/// Drawing from an image instead of from noise alone: what `--init`, `--strength` and `--mask` mean.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include <pixnerd/image/pixels.hpp>
#include <pixnerd/image/read_image.hpp>
#include <pixnerd/image/resize.hpp>

#include "commands.hpp"
#include "sample/drawing.hpp"

namespace pixnerd::program {

namespace detail {

/// The middle of an image, as much as fits, as height x width pixels.
inline Image fitted(const Image& image, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return image;
  if (height == width) return center_crop(image, static_cast<int>(height));
  const double scale =
      std::max(static_cast<double>(height) / image.height, static_cast<double>(width) / image.width);
  const auto side = [scale](int whole, std::int64_t least) {
    return std::max<std::int64_t>(least, std::llround(whole * scale));
  };
  const std::int64_t whole_height = side(image.height, height), whole_width = side(image.width, width);
  const Window middle{(whole_height - height) / 2, (whole_width - width) / 2, static_cast<int>(height),
                      static_cast<int>(width)};
  return resize<BicubicFilter>(image, whole_height, whole_width, middle);
}

/// 1 where a picture is white, 0 where it is black, in every channel.
inline Tensor<float> mask_of(const Image& image) {
  Image gray = image;
  for (std::size_t i = 0; i < gray.rgb.size(); i += 3) {
    const int mean = (image.rgb[i] + image.rgb[i + 1] + image.rgb[i + 2] + 1) / 3;
    // The mean of three bytes is one.
    std::fill_n(gray.rgb.begin() + static_cast<std::ptrdiff_t>(i), 3,
                static_cast<std::uint8_t>(std::min(mean, 255)));
  }
  Tensor<float> mask = to_tensor(gray);  // [-1, 1]
  for (std::int64_t i = 0; i < mask.count(); ++i) mask.data()[i] = 0.5f * (mask.data()[i] + 1.0f);
  return mask;
}

}  // namespace detail

/// Reads the images that are edited into the options, whose size is known. Throws FileError when one cannot
/// be read, ValueError for a strength out of range, a mask of another size, or a solver that adds noise to
/// what a mask keeps.
inline void add_editing(const SampleCommand& command, DrawOptions& options) {
  if (command.init.empty()) return;
  options.strength = command.strength.value_or(command.mask.empty() ? 0.6 : 1.0);
  if (!(options.strength > 0 && options.strength <= 1))
    raise<ValueError>("--strength", "above 0 and at most 1", str_cat(options.strength));
  const Image image = read_image(command.init);
  options.init = to_tensor(detail::fitted(image, options.height, options.width));
  if (command.mask.empty()) return;
  if (options.solver == "sde") {
    raise<ValueError>("--mask", "a solver other than sde, which adds noise to what the mask keeps", "sde");
  }
  const Image mask = read_image(command.mask);
  const auto has_size = [&](std::int64_t height, std::int64_t width) {
    return mask.height == height && mask.width == width;
  };
  if (!has_size(image.height, image.width) && !has_size(options.height, options.width)) {
    raise<ValueError>("--mask",
                      str_cat("an image of ", image.width, " x ", image.height, " pixels, as '", command.init,
                              "', or ", options.width, " x ", options.height, ", as is drawn"),
                      str_cat(mask.width, " x ", mask.height, " in '", command.mask, "'"));
  }
  options.mask = detail::mask_of(detail::fitted(mask, options.height, options.width));
}

}  // namespace pixnerd::program
