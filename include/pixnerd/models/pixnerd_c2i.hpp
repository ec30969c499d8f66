// SPDX-License-Identifier: MIT
/// \file
/// PixNerd, class to image: a diffusion transformer on raw pixels with a neural field as its decoder.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include <pixnerd/decoders/neural_field/decoder.hpp>
#include <pixnerd/models/patch_backbone.hpp>
#include <pixnerd/nn/embedding.hpp>
#include <pixnerd/transformer/dit_block.hpp>

namespace pixnerd {

/// Sizes of a class-conditional model; the defaults are PixNerd-XL/16 on ImageNet.
template <class DecoderConfig = NeuralFieldConfig>
struct C2iConfig {
  std::int64_t channels = 3;    ///< C
  std::int64_t patch = 16;      ///< P
  std::int64_t width = 1152;    ///< D
  std::int64_t heads = 16;      ///< A
  std::int64_t depth = 26;      ///< DiT blocks
  DecoderConfig decoder = {};   ///< what the decoder itself may choose
  std::int64_t classes = 1000;  ///< K; index K is the null class

  static C2iConfig large() requires std::same_as<DecoderConfig, NeuralFieldConfig> {
    return {.width = 1024, .depth = 22, .decoder = {.depth = 2}};
  }
  static C2iConfig extra_large() requires std::same_as<DecoderConfig, NeuralFieldConfig> { return {}; }

  /// The same sizes around another decoder.
  template <class Other>
  C2iConfig<Other> with_decoder(const Other& other = {}) const {
    return {channels, patch, width, heads, depth, other, classes};
  }

  bool operator==(const C2iConfig&) const = default;
};

using PixnerdC2iConfig = C2iConfig<>;

/// c = silu(time + label): labels (B) in [0, K], K for no class.
template <class Policy>
struct ClassConditioning {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  using Condition = Tensor<std::int64_t, Device>;
  template <class DecoderConfig>
  using Config = C2iConfig<DecoderConfig>;
  static constexpr const char* model = "PixnerdC2i";
  static constexpr const char* what = "labels";

  Embedding<Policy> table;  ///< (K + 1, D)

  ClassConditioning(const auto& config, Initializer& init) : table(config.classes + 1, config.width, init) {}
  void add_blocks(const auto&, Initializer&) {}

  Shape shape(std::int64_t batch) const { return {batch}; }
  std::string expected() const { return "labels (B)"; }

  /// Throws ValueError for a label out of range.
  BlockContext<T, Device> operator()(const Tensor<W, Device>& time, const Condition& labels) const {
    return {silu(add(time, cast<W>(table(labels)))), {}, {}};
  }

  static void visit(auto& self, auto&& visitor) { visitor("y_embedder.embedding_table", self.table); }
};

/// Output of noisy images x at time t under class labels: forward(x, t, labels, tap), see PatchBackbone.
/// Block and DecoderType can be exchanged: see DitBlock, NeuralFieldDecoder and LinearDecoder. Parameter
/// names are those of the published checkpoints. Source: "PixNerd: Pixel Neural Field Diffusion", arXiv
/// 2507.23268.
template <class Policy = On<Cpu>, class Block = DitBlock<Policy>,
          class DecoderType = NeuralFieldDecoder<Policy>>
class PixnerdC2i : public PatchBackbone<Policy, ClassConditioning<Policy>, Block, DecoderType,
                                        StretchedPositions, Policy> {
 public:
  PixnerdC2i(const C2iConfig<typename DecoderType::Config>& config, Initializer& init)
      : PixnerdC2i::PatchBackbone(config, init) {}

  /// Labels (B) of no class: what guidance moves away from and training drops labels to.
  Tensor<std::int64_t, typename Policy::Device> null_condition(std::int64_t batch) const {
    return Tensor<std::int64_t, typename Policy::Device>::full({batch}, this->config().classes);
  }
};

}  // namespace pixnerd
