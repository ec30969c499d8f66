// SPDX-License-Identifier: MIT
/// \file
/// What gives the features that REPA aligns with.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// A frozen image encoder: images (B, C, H, W) in [-1, 1] -> features (B, L, feature_width()) without a
/// gradient, tokens row by row of the image.
template <class E, class T, class Device>
concept FeatureEncoder = requires(const E& encoder, const Tensor<T, Device>& images) {
  { encoder.features(images) } -> std::same_as<Tensor<T, Device>>;
  { encoder.feature_width() } -> std::same_as<std::int64_t>;
};

}  // namespace pixnerd
