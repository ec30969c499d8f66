// SPDX-License-Identifier: MIT
/// \file
/// PixNerd's decoder: every patch is a neural field whose weights its token predicts.
#pragma once

#include <vector>

#include <pixnerd/decoders/decoder.hpp>
#include <pixnerd/decoders/neural_field/block.hpp>
#include <pixnerd/decoders/neural_field/coordinate_basis.hpp>
#include <pixnerd/decoders/neural_field/head.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/patchify.hpp>
#include <pixnerd/ops/pixel_embedding.hpp>

namespace pixnerd {

/// Sizes of a neural field; the defaults are those of PixNerd-XL/16.
struct NeuralFieldConfig {
  std::int64_t depth = 4;      ///< blocks
  std::int64_t features = 64;  ///< F
  std::int64_t ratio = 2;      ///< r: hidden features of a block's MLP over F

  bool operator==(const NeuralFieldConfig&) const = default;
};

/// Noisy pixels and their coordinates become features, blocks transform them, the head turns them into a
/// velocity. Basis, Field and Head can be exchanged for any types with the constructors and calls used below.
template <class Policy = On<Cpu>, class Basis = DctBasis, class Field = NeuralFieldBlock<Policy>,
          class Head = NeuralFieldHead<Policy>>
struct NeuralFieldDecoder {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  static_assert(CoordinateBasis<Basis>,
                "a coordinate basis has a `count` and a static `values(height, width)`");

  using Config = NeuralFieldConfig;

  DecoderSizes sizes;
  Linear<Policy> embedding;
  std::vector<Field> blocks;
  Head head;

  NeuralFieldDecoder(const DecoderSizes& of, const Config& config, Initializer& init)
      : sizes(of),
        embedding(of.channels + Basis::count, config.features, init),
        head(config.features, of.channels, init) {
    blocks.reserve(static_cast<std::size_t>(config.depth));
    for (std::int64_t i = 0; i < config.depth; ++i)
      blocks.emplace_back(of.width, config.features, config.ratio, init);
  }

  Tensor<W, Device> operator()(const Tensor<T, Device>& tokens, const Tensor<W, Device>& x,
                               const Tensor<W, Device>& condition) const {
    return (*this)(tokens, x, condition, {sizes.patch, sizes.patch});
  }

  /// The same for patches of ph x pw pixels: the same field sampled on another grid. Throws ShapeError unless
  /// the patches of x are as many as the tokens.
  Tensor<W, Device> operator()(const Tensor<T, Device>& tokens, const Tensor<W, Device>& x,
                               const Tensor<W, Device>& /*condition*/, const PatchSize& patch) const {
    const std::int64_t patches = tokens.size(0) * tokens.size(1), count = patch.height * patch.width;
    const auto flat = tokens.reshape({patches, tokens.size(2)});  // (B*L, D)
    const auto noisy = patchify(cast<T>(x), patch.height, patch.width, PatchLayout::channels_last)
                           .reshape({patches, count, sizes.channels});  // (B*L, ph*pw, C)
    auto pixels =
        pixel_embedding(noisy, coordinates(patch), embedding.weight, embedding.bias);  // (B*L, ph*pw, F)
    for (const auto& block : blocks) pixels = block(pixels, flat);
    const auto patchwise = head(pixels).reshape({tokens.size(0), tokens.size(1), count * sizes.channels});
    return cast<W>(fold(patchwise, sizes.channels, x.size(2), x.size(3), patch.height, patch.width,
                        PatchLayout::channels_last));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("x_embedder.embedder.0", self.embedding);
    visitor("blocks", self.blocks, self.sizes.depth);
    visitor("final_layer", self.head);
  }

 private:
  Tensor<T, Device> coordinates(const PatchSize& patch) const {
    return tables_.get(patch.height, patch.width, [&] {
      const auto values = Basis::values(patch.height, patch.width);
      return Tensor<T, Device>::from_host({patch.height * patch.width, Basis::count},
                                          std::vector<T>(values.begin(), values.end()));
    });
  }

  TableCache<T, Device> tables_;
};

}  // namespace pixnerd
