// SPDX-License-Identifier: MIT
/// \file
/// What turns a model's tokens back into pixels.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/nn/initializer.hpp>
#include <pixnerd/nn/layer.hpp>

namespace pixnerd {

/// What a model tells its decoder: the sizes that are not the decoder's own choice.
struct DecoderSizes {
  std::int64_t channels = 3;  ///< C
  std::int64_t patch = 16;    ///< P, pixels along a side
  std::int64_t width = 1152;  ///< D, of the tokens
  std::int64_t depth =
      26;  ///< transformer blocks; published names of a decoder's blocks continue their numbers
};

/// Pixels of a patch, H x W.
struct PatchSize {
  std::int64_t height = 16;
  std::int64_t width = 16;

  bool operator==(const PatchSize&) const = default;
};

/// decoder(tokens (B, L, D), noisy image (B, C, H, W), condition (B, D)) is the model's output (B, C, H, W),
/// a velocity say. Tokens are of T, all else of wide_t<T>. A decoder brings a `Config` of its own, with
/// default values, and is constructed as D(sizes, config, init).
template <class D, class T, class Device>
concept Decoder = std::default_initializable<typename D::Config> &&
    std::equality_comparable<typename D::Config> &&
    std::constructible_from<D, const DecoderSizes&, const typename D::Config&, Initializer&> &&
    requires(const D& decoder, const Tensor<T, Device>& tokens, const Tensor<wide_t<T>, Device>& x) {
  { decoder(tokens, x, x) } -> std::convertible_to<Tensor<wide_t<T>, Device>>;
  D::visit(decoder, detail::AnyVisitor{});
};

/// A decoder that draws patches of any size from the same tokens: decoder(tokens (B, L, D), noisy image (B,
/// C, H, W), condition (B, D), patch) with L = (H / patch.height) (W / patch.width).
template <class D, class T, class Device>
concept AnySizeDecoder = Decoder<D, T, Device> &&
    requires(const D& decoder, const Tensor<T, Device>& tokens, const Tensor<wide_t<T>, Device>& x,
             const PatchSize& patch) {
  { decoder(tokens, x, x, patch) } -> std::convertible_to<Tensor<wide_t<T>, Device>>;
};

}  // namespace pixnerd
