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

/// Noisy pixels and their coordinates become features, field blocks move them, the head turns them into a
/// velocity. Basis, Field and Head can be exchanged for any types with the constructors and calls used below.
template <class Policy = On<Cpu>, class Basis = DctBasis, class Field = NeuralFieldBlock<Policy>,
          class Head = NeuralFieldHead<Policy>>
struct NeuralFieldDecoder {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  static_assert(CoordinateBasis<Basis>,
                "a coordinate basis has a `count` and a static `values(height, width)`");

  DecoderConfig config;
  Linear<Policy> embedding;
  std::vector<Field> blocks;
  Head head;

  NeuralFieldDecoder(const DecoderConfig& c, Initializer& init)
      : config(c),
        embedding(c.channels + Basis::count, c.features, init),
        head(c.features, c.channels, init) {
    blocks.reserve(static_cast<std::size_t>(c.depth));
    for (std::int64_t i = 0; i < c.depth; ++i) blocks.emplace_back(c.width, c.features, c.ratio, init);
  }

  Tensor<W, Device> operator()(const Tensor<T, Device>& tokens, const Tensor<W, Device>& x,
                               const Tensor<W, Device>& condition) const {
    return (*this)(tokens, x, condition, {config.patch, config.patch});
  }

  /// The same for patches of ph x pw pixels: the field of a patch on another grid. Throws ShapeError unless the
  /// patches of x are as many as the tokens.
  Tensor<W, Device> operator()(const Tensor<T, Device>& tokens, const Tensor<W, Device>& x,
                               const Tensor<W, Device>& /*condition*/, const PatchSize& patch) const {
    const std::int64_t patches = tokens.size(0) * tokens.size(1), count = patch.height * patch.width;
    const auto flat = tokens.reshape({patches, tokens.size(2)});  // (B*L, D)
    const auto noisy = patchify(cast<T>(x), patch.height, patch.width, PatchLayout::channels_last)
                           .reshape({patches, count, config.channels});  // (B*L, ph*pw, C)
    auto pixels =
        pixel_embedding(noisy, coordinates(patch), embedding.weight, embedding.bias);  // (B*L, ph*pw, F)
    for (const auto& block : blocks) pixels = block(pixels, flat);
    const auto patchwise = head(pixels).reshape({tokens.size(0), tokens.size(1), count * config.channels});
    return cast<W>(fold(patchwise, config.channels, x.size(2), x.size(3), patch.height, patch.width,
                        PatchLayout::channels_last));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("x_embedder.embedder.0", self.embedding);
    visitor("blocks", self.blocks, self.config.first_block);
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
