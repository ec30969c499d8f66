/// \file
/// What turns a model's tokens back into pixels.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Sizes every decoder is built from.
struct DecoderConfig {
  std::int64_t channels = 3;      ///< C
  std::int64_t patch = 16;        ///< P
  std::int64_t width = 1152;      ///< D, of the tokens
  std::int64_t depth = 4;         ///< field blocks
  std::int64_t features = 64;     ///< F
  std::int64_t ratio = 2;         ///< r
  std::int64_t first_block = 26;  ///< published index of the first field block: they continue the encoder's
};

/// Pixels of a patch, H x W.
struct PatchSize {
  std::int64_t height = 16;
  std::int64_t width = 16;

  bool operator==(const PatchSize&) const = default;
};

/// decoder(tokens (B, L, D), noisy image (B, C, H, W), condition (B, D)) is the velocity (B, C, H, W). Tokens
/// are of T, all else of wide_t<T>.
template <class D, class T, class Device>
concept Decoder = requires(const D& decoder, const Tensor<T, Device>& tokens,
                           const Tensor<wide_t<T>, Device>& x) {
  { decoder(tokens, x, x) } -> std::convertible_to<Tensor<wide_t<T>, Device>>;
};

/// A decoder that draws patches of any size from the same tokens: decoder(tokens (B, L, D), noisy image (B, C, H, W),
/// condition (B, D), patch) with L = (H / patch.height) (W / patch.width).
template <class D, class T, class Device>
concept AnySizeDecoder = Decoder<D, T, Device> &&
    requires(const D& decoder, const Tensor<T, Device>& tokens, const Tensor<wide_t<T>, Device>& x,
             const PatchSize& patch) {
  { decoder(tokens, x, x, patch) } -> std::convertible_to<Tensor<wide_t<T>, Device>>;
};

}  // namespace pixnerd
