/// \file
/// PixNerd, class to image: a diffusion transformer on raw pixels with a neural field as its decoder.
#pragma once

#include <vector>

#include <pixnerd/decoders/neural_field/decoder.hpp>
#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/nn/embedding.hpp>
#include <pixnerd/nn/module.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/transformer/dit_block.hpp>
#include <pixnerd/transformer/rotary_table.hpp>
#include <pixnerd/transformer/time_embedding.hpp>

namespace pixnerd {

/// Sizes of a class-conditional model; the defaults are PixNerd-XL/16 on ImageNet.
struct PixnerdC2iConfig {
  std::int64_t channels = 3;         ///< C
  std::int64_t patch = 16;           ///< P
  std::int64_t width = 1152;         ///< D
  std::int64_t heads = 16;           ///< A
  std::int64_t depth = 26;           ///< DiT blocks
  std::int64_t field_depth = 4;      ///< field blocks
  std::int64_t field_features = 64;  ///< F
  std::int64_t field_ratio = 2;      ///< r
  std::int64_t classes = 1000;       ///< K; index K is the null class

  static PixnerdC2iConfig large() { return {.width = 1024, .depth = 22, .field_depth = 2}; }
  static PixnerdC2iConfig extra_large() { return {}; }

  bool operator==(const PixnerdC2iConfig&) const = default;
};

/// Velocity of noisy images x_t at time t under class labels. Block and DecoderType can be exchanged: see
/// DitBlock, NeuralFieldDecoder and LinearDecoder. Parameter names are those of the published checkpoints.
template <class Policy = On<Cpu>, class Block = DitBlock<Policy>,
          class DecoderType = NeuralFieldDecoder<Policy>>
class PixnerdC2i {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  static_assert(Decoder<DecoderType, T, Device>,
                "a decoder is callable with (tokens, noisy image, condition)");

  PixnerdC2i(const PixnerdC2iConfig& config, Initializer& init)
      : config_(config),
        patch_embedding_(config.channels * config.patch * config.patch, config.width, init),
        time_embedding_(config.width, init),
        label_embedding_(config.classes + 1, config.width, init),
        decoder_({config.channels, config.patch, config.width, config.field_depth, config.field_features,
                  config.field_ratio, config.depth},
                 init) {
    const std::int64_t in = config.channels * config.patch * config.patch;
    const double xavier = std::sqrt(6.0 / static_cast<double>(in + config.width));
    patch_embedding_.weight = init.uniform<T, Device>({config.width, in}, xavier);
    patch_embedding_.bias = init.constant<T, Device>({config.width}, 0.0);
    blocks_.reserve(static_cast<std::size_t>(config.depth));
    for (std::int64_t i = 0; i < config.depth; ++i) blocks_.emplace_back(config.width, config.heads, init);
  }

  const PixnerdC2iConfig& config() const { return config_; }

  /// x (B, C, H, W), t (B) in [0, 1], labels (B) in [0, K], K for no class -> velocity (B, C, H, W).
  /// tap(i, tokens (B, L, D)) is called after DiT block i, counted from 0. Under Mixed everything that goes in
  /// or out is float32, tokens too.
  /// Throws ShapeError unless P divides H and W and the batches agree, ValueError for a label out of range.
  template <class Tap = NoTap>
  Tensor<W, Device> forward(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
                            const Tensor<std::int64_t, Device>& labels, Tap&& tap = {}) const {
    if (x.rank() != 4 || x.size(1) != config_.channels || !(t.shape() == Shape{x.size(0)}) ||
        !(labels.shape() == t.shape())) {
      raise<ShapeError>("PixnerdC2i", str_cat("x (B, ", config_.channels, ", H, W), t (B) and labels (B)"),
                        str_cat("x ", x.shape(), ", t ", t.shape(), ", labels ", labels.shape()));
    }
    const auto patches =
        patchify(cast<T>(x), config_.patch, config_.patch, PatchLayout::channels_first);  // (B, L, C*P*P)
    const auto time = time_embedding_(t);                                                 // (B, D)
    const auto condition = silu(add(time, cast<W>(label_embedding_(labels))));            // (B, D)
    const BlockContext<T, Device> context{condition, rotary(x.size(2), x.size(3)), {}};
    auto s = patch_embedding_.wide(patches);  // (B, L, D)
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      s = blocks_[i](s, context);
      tap(static_cast<std::int64_t>(i), s);
    }
    s = silu(add(time.reshape({x.size(0), 1, config_.width}), s));
    return decoder_(cast<T>(s), x, condition);
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("s_embedder.proj", self.patch_embedding_);
    visitor("t_embedder", self.time_embedding_);
    visitor("y_embedder.embedding_table", self.label_embedding_);
    visitor("blocks", self.blocks_);
    DecoderType::visit(self.decoder_, visitor);
  }

 private:
  Tensor<W, Device> rotary(std::int64_t height, std::int64_t width) const {
    const std::int64_t rows = height / config_.patch, columns = width / config_.patch;
    return tables_.get(rows, columns,
                       [&] { return rotary_table<W, Device>(rows, columns, config_.width / config_.heads); });
  }

  PixnerdC2iConfig config_;
  Linear<Policy> patch_embedding_;
  TimeEmbedding<Policy> time_embedding_;
  Embedding<Policy> label_embedding_;
  std::vector<Block> blocks_;
  DecoderType decoder_;
  TableCache<W, Device> tables_;
};

}  // namespace pixnerd
