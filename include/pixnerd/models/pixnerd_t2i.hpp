// SPDX-License-Identifier: MIT
/// \file
/// PixNerd, text to image: tokens of the image attend to those of a text, and a neural field decodes them at
/// any resolution.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

#include <pixnerd/decoders/neural_field/decoder.hpp>
#include <pixnerd/models/patch_backbone.hpp>
#include <pixnerd/transformer/text_blocks.hpp>
#include <pixnerd/transformer/text_embedding.hpp>

namespace pixnerd {

/// Sizes of a text-to-image model; the defaults are the published PixNerd-XXL/16.
template <class DecoderConfig = NeuralFieldConfig>
struct T2iConfig {
  std::int64_t channels = 3;                  ///< C
  std::int64_t patch = 16;                    ///< P
  std::int64_t width = 1536;                  ///< D
  std::int64_t heads = 24;                    ///< A
  std::int64_t depth = 16;                    ///< joint blocks
  std::int64_t text_depth = 4;                ///< text refine blocks
  DecoderConfig decoder = default_decoder();  ///< what the decoder itself may choose
  std::int64_t text_width = 2048;             ///< of the text features
  std::int64_t text_tokens = 128;             ///< n, of every text

  static T2iConfig extra_extra_large() requires std::same_as<DecoderConfig, NeuralFieldConfig> { return {}; }

  /// The same sizes around another decoder.
  template <class Other>
  T2iConfig<Other> with_decoder(const Other& other = {}) const {
    return {channels, patch, width, heads, depth, text_depth, other, text_width, text_tokens};
  }

  bool operator==(const T2iConfig&) const = default;

 private:
  static DecoderConfig default_decoder() {
    if constexpr (std::same_as<DecoderConfig, NeuralFieldConfig>) {
      return {.depth = 2};
    } else {
      return {};
    }
  }
};

using PixnerdT2iConfig = T2iConfig<>;

/// PixNerd's decoder as the text-to-image model has it: other coordinates, W2 as generated, a head without
/// norm.
template <class Policy = On<Cpu>>
using T2iNeuralFieldDecoder = NeuralFieldDecoder<Policy, AxisCosineBasis, NeuralFieldBlock<Policy, false>,
                                                 NeuralFieldLinearHead<Policy>>;

/// c = silu(time); text tokens (B, n, D) = TextBlocks(TextEmbedding(features), c): text features (B, n, text
/// width).
template <class Policy, class TextBlock>
struct TextConditioning {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  using Condition = Tensor<W, Device>;
  template <class DecoderConfig>
  using Config = T2iConfig<DecoderConfig>;
  static constexpr const char* model = "PixnerdT2i";
  static constexpr const char* what = "text features";

  std::int64_t tokens, features;
  TextEmbedding<Policy> embedding;
  std::vector<TextBlock> blocks;

  TextConditioning(const auto& config, Initializer& init)
      : tokens(config.text_tokens),
        features(config.text_width),
        embedding(features, tokens, config.width, init) {}

  void add_blocks(const auto& config, Initializer& init) {
    blocks.reserve(static_cast<std::size_t>(config.text_depth));
    for (std::int64_t i = 0; i < config.text_depth; ++i)
      blocks.emplace_back(config.width, config.heads, init);
  }

  Shape shape(std::int64_t batch) const { return {batch, tokens, features}; }
  std::string expected() const { return str_cat("text features (B, ", tokens, ", ", features, ")"); }

  BlockContext<T, Device> operator()(const Tensor<W, Device>& time, const Condition& text_features) const {
    const auto condition = silu(time);      // (B, D)
    auto words = embedding(text_features);  // (B, n, D)
    for (const auto& block : blocks) words = block(words, {condition, {}, {}});
    return {condition, {}, words};
  }

  static void visit(auto& self, auto&& visitor) {
    TextEmbedding<Policy>::visit(self.embedding, visitor);
    visitor("text_refine_blocks", self.blocks);
  }
};

/// Output of noisy images x at time t under text features: forward(x, t, features, tap), see PatchBackbone.
/// TextBlock, Block and DecoderType can be exchanged: see TextRefineBlock, JointBlock and
/// T2iNeuralFieldDecoder. Parameter names are those of the published checkpoints. Under Mixed the maps at the
/// ends, of patches, of times and of the last features, compute in float32: see docs/design.md. Source:
/// "PixNerd: Pixel Neural Field Diffusion", arXiv 2507.23268, and the published inference configuration
/// ("heavydecoder").
template <class Policy = On<Cpu>, class TextBlock = TextRefineBlock<Policy>, class Block = JointBlock<Policy>,
          class DecoderType = T2iNeuralFieldDecoder<Policy>>
class PixnerdT2i : public PatchBackbone<Policy, TextConditioning<Policy, TextBlock>, Block, DecoderType,
                                        CrossedGridPositions,
                                        On<typename Policy::Device, Full<wide_t<typename Policy::Compute>>>> {
 public:
  static_assert(AnySizeDecoder<DecoderType, typename Policy::Compute, typename Policy::Device>,
                "a text-to-image decoder is callable with (tokens, noisy image, condition, patch size)");

  PixnerdT2i(const T2iConfig<typename DecoderType::Config>& config, Initializer& init)
      : PixnerdT2i::PatchBackbone(config, init) {}

  /// The same model, with the same parameters, for images of another resolution: of x (B, C, H, W) the
  /// transformer sees (H / a_h, W / a_w) pixels, nearest ones, and every token is decoded as a patch of (P
  /// a_h) x (P a_w) pixels. Throws ValueError unless P a_h and P a_w are whole numbers above 0. (Published
  /// code cuts them off.)
  PixnerdT2i decoded_at(const DecoderScale& scale) const {
    PixnerdT2i out = *this;
    out.scale_decoder(scale);
    return out;
  }
};

}  // namespace pixnerd
