/// \file
/// PixNerd, text to image: tokens of the image attend to those of a text, and a neural field decodes them at any resolution.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/decoders/neural_field/decoder.hpp>
#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/nn/module.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/interpolate.hpp>
#include <pixnerd/transformer/rotary_table.hpp>
#include <pixnerd/transformer/text_blocks.hpp>
#include <pixnerd/transformer/text_embedding.hpp>
#include <pixnerd/transformer/time_embedding.hpp>

namespace pixnerd {

/// Sizes of a text-to-image model; the defaults are the published PixNerd-XXL/16.
struct PixnerdT2iConfig {
  std::int64_t channels = 3;         ///< C
  std::int64_t patch = 16;           ///< P
  std::int64_t width = 1536;         ///< D
  std::int64_t heads = 24;           ///< A
  std::int64_t depth = 16;           ///< joint blocks
  std::int64_t text_depth = 4;       ///< text refine blocks
  std::int64_t field_depth = 2;      ///< field blocks
  std::int64_t field_features = 64;  ///< F
  std::int64_t field_ratio = 2;      ///< r
  std::int64_t text_width = 2048;    ///< of the text features
  std::int64_t text_tokens = 128;    ///< n, of every text

  static PixnerdT2iConfig extra_extra_large() { return {}; }

  bool operator==(const PixnerdT2iConfig&) const = default;
};

/// By how much a decoded image is larger than the one that the transformer sees.
struct DecoderScale {
  double height = 1;  ///< a_h
  double width = 1;   ///< a_w

  bool operator==(const DecoderScale&) const = default;
};

/// PixNerd's decoder as the text-to-image model has it: other coordinates, W2 as generated, a head without norm.
template <class Policy = On<Cpu>>
using T2iNeuralFieldDecoder = NeuralFieldDecoder<Policy, AxisCosineBasis, NeuralFieldBlock<Policy, false>,
                                                 NeuralFieldLinearHead<Policy>>;

/// Velocity of noisy images x_t at time t under text features. TextBlock, Block and DecoderType can be exchanged: see
/// TextRefineBlock, JointBlock and T2iNeuralFieldDecoder. Parameter names are those of the published checkpoints. Under Mixed
/// the maps at the ends, of patches, of times and of the last features, compute in float32: see docs/design.md.
/// Source: PixNerd, text-to-image model ("heavydecoder").
template <class Policy = On<Cpu>, class TextBlock = TextRefineBlock<Policy>, class Block = JointBlock<Policy>,
          class DecoderType = T2iNeuralFieldDecoder<Policy>>
class PixnerdT2i {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  static_assert(AnySizeDecoder<DecoderType, T, Device>,
                "a text-to-image decoder is callable with (tokens, noisy image, condition, patch size)");

  PixnerdT2i(const PixnerdT2iConfig& config, Initializer& init)
      : config_(config),
        patch_embedding_(config.channels * config.patch * config.patch, config.width, init),
        time_embedding_(config.width, init),
        text_embedding_(config.text_width, config.text_tokens, config.width, init),
        decoder_({config.channels, config.patch, config.width, config.field_depth, config.field_features,
                  config.field_ratio, config.depth},
                 init) {
    const std::int64_t in = config.channels * config.patch * config.patch;
    const double xavier = std::sqrt(6.0 / static_cast<double>(in + config.width));
    patch_embedding_.weight = init.uniform<W, Device>({config.width, in}, xavier);
    patch_embedding_.bias = init.constant<W, Device>({config.width}, 0.0);
    text_blocks_.reserve(static_cast<std::size_t>(config.text_depth));
    for (std::int64_t i = 0; i < config.text_depth; ++i)
      text_blocks_.emplace_back(config.width, config.heads, init);
    blocks_.reserve(static_cast<std::size_t>(config.depth));
    for (std::int64_t i = 0; i < config.depth; ++i) blocks_.emplace_back(config.width, config.heads, init);
  }

  const PixnerdT2iConfig& config() const { return config_; }

  /// Pixels that one token stands for in x and in the velocity.
  const PatchSize& decoder_patch() const { return decoder_patch_; }

  /// The same model, with the same parameters, for images of another resolution: of x (B, C, H, W) the transformer sees
  /// (H / a_h, W / a_w) pixels, nearest ones, and every token is decoded as a patch of (P a_h) x (P a_w) pixels.
  /// Throws ValueError unless P a_h and P a_w are whole numbers above 0. (Published code cuts them off.)
  PixnerdT2i decoded_at(const DecoderScale& scale) const {
    PixnerdT2i out = *this;
    out.decoder_patch_ = {scaled_patch(scale.height), scaled_patch(scale.width)};
    return out;
  }

  /// x (B, C, H, W), t (B) in [0, 1], text_features (B, n, text width) -> velocity (B, C, H, W).
  /// tap(i, tokens (B, L, D)) is called after joint block i, counted from 0. Under Mixed everything that goes in
  /// or out is float32, tokens too.
  /// Throws ShapeError unless patches of decoder_patch() fill x, the batches agree and the features are n of that width.
  template <class Tap = NoTap>
  Tensor<W, Device> forward(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
                            const Tensor<W, Device>& text_features, Tap&& tap = {}) const {
    check(x, t, text_features);
    const std::int64_t P = config_.patch, rows = x.size(2) / decoder_patch_.height,
                       columns = x.size(3) / decoder_patch_.width;
    const auto time = time_embedding_(t);  // (B, D)
    const auto condition = silu(time);     // (B, D)
    auto words = text_embedding_(text_features);
    for (const auto& block : text_blocks_) words = block(words, {condition, {}, {}});  // (B, n, D)

    const auto patches = patchify(seen(x, rows * P, columns * P), P, P);  // (B, L, C*P*P)
    const BlockContext<T, Device> context{condition, rotary(rows, columns), words};
    auto s = patch_embedding_(patches);  // (B, L, D)
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      s = blocks_[i](s, context);
      tap(static_cast<std::int64_t>(i), s);
    }
    s = silu(add(time.reshape({x.size(0), 1, config_.width}), s));
    return decoder_(cast<T>(s), x, condition, decoder_patch_);
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("s_embedder.proj", self.patch_embedding_);
    visitor("t_embedder", self.time_embedding_);
    TextEmbedding<Policy>::visit(self.text_embedding_, visitor);
    visitor("text_refine_blocks", self.text_blocks_);
    visitor("blocks", self.blocks_);
    DecoderType::visit(self.decoder_, visitor);
  }

 private:
  std::int64_t scaled_patch(double scale) const {
    const double size = static_cast<double>(config_.patch) * scale;
    const double whole = std::round(size);
    if (!(whole >= 1 && whole <= 1e6 && std::abs(size - whole) <= 1e-9 * whole)) {
      raise<ValueError>("PixnerdT2i",
                        str_cat("a decoder scale that makes ", config_.patch, " pixels a whole number"),
                        str_cat(scale));
    }
    return static_cast<std::int64_t>(whole);
  }

  void check(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
             const Tensor<W, Device>& text_features) const {
    const Shape features{x.rank() == 4 ? x.size(0) : 0, config_.text_tokens, config_.text_width};
    if (x.rank() != 4 || x.size(1) != config_.channels || !(t.shape() == Shape{x.size(0)}) ||
        !(text_features.shape() == features)) {
      raise<ShapeError>(
          "PixnerdT2i",
          str_cat("x (B, ", config_.channels, ", H, W), t (B) and text features (B, ", config_.text_tokens,
                  ", ", config_.text_width, ")"),
          str_cat("x ", x.shape(), ", t ", t.shape(), ", text features ", text_features.shape()));
    }
    if (x.size(2) % decoder_patch_.height != 0 || x.size(3) % decoder_patch_.width != 0) {
      raise<ShapeError>("PixnerdT2i",
                        str_cat("images whose sides are multiples of ", decoder_patch_.height, " and ",
                                decoder_patch_.width),
                        str_cat("H ", x.size(2), " and W ", x.size(3)));
    }
  }

  /// What the transformer sees of x.
  Tensor<W, Device> seen(const Tensor<W, Device>& x, std::int64_t height, std::int64_t width) const {
    if (x.size(2) == height && x.size(3) == width) return x;
    return interpolate(x, height, width, Interpolation::nearest);
  }

  /// Height and width are crossed, as they are in the published model.
  Tensor<W, Device> rotary(std::int64_t rows, std::int64_t columns) const {
    return tables_.get(rows, columns, [&] {
      return rotary_table<W, Device>(rows, columns, config_.width / config_.heads, static_cast<double>(rows),
                                     static_cast<double>(columns));
    });
  }

  PixnerdT2iConfig config_;
  PatchSize decoder_patch_{config_.patch, config_.patch};
  Linear<On<Device, Full<W>>> patch_embedding_;
  TimeEmbedding<On<Device, Full<W>>> time_embedding_;
  TextEmbedding<Policy> text_embedding_;
  std::vector<TextBlock> text_blocks_;
  std::vector<Block> blocks_;
  DecoderType decoder_;
  TableCache<W, Device> tables_;
};

}  // namespace pixnerd
