// SPDX-License-Identifier: MIT
/// \file
/// What diffusion transformers on patches have in common: tokens of patches, blocks under a condition, a
/// decoder.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pixnerd/decoders/decoder.hpp>
#include <pixnerd/diffusion/velocity_field.hpp>
#include <pixnerd/nn/module.hpp>
#include <pixnerd/nn/table_cache.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/interpolate.hpp>
#include <pixnerd/ops/silu.hpp>
#include <pixnerd/transformer/block_context.hpp>
#include <pixnerd/transformer/patch_embedding.hpp>
#include <pixnerd/transformer/rotary_table.hpp>
#include <pixnerd/transformer/time_embedding.hpp>

namespace pixnerd {

/// By how much a decoded image is larger than the one that the transformer sees.
struct DecoderScale {
  double height = 1;  ///< a_h
  double width = 1;   ///< a_w

  bool operator==(const DecoderScale&) const = default;
};

/// With time = TimeEmbedding(t) and c, text = Conditioning(time, condition):
///
///   s = PatchEmbedding(x);  s = Block_i(s, c, text) for all i;  output = Decoder(silu(time + s), x, c)
///
/// x (B, C, H, W), t (B) in [0, 1], condition of B images -> (B, C, H, W), all of wide_t<T>. A model derives
/// from it and says what its Conditioning is (see ClassConditioning and TextConditioning), its Block, its
/// Decoder, how Positions are laid out for the rotary embedding, and in which EdgePolicy patches and times
/// are embedded. Source: "PixNerd: Pixel Neural Field Diffusion", arXiv 2507.23268.
template <class Policy, class Conditioning, class Block, class DecoderType, class Positions, class EdgePolicy>
class PatchBackbone {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;
  using Config = typename Conditioning::template Config<typename DecoderType::Config>;
  using Condition = typename Conditioning::Condition;
  static_assert(Decoder<DecoderType, T, Device>,
                "a decoder has a Config, is constructed from (sizes, config, init) and callable with "
                "(tokens, noisy image, "
                "condition)");

  PatchBackbone(const Config& config, Initializer& init)
      : config_(config),
        patch_embedding_(config.channels, config.patch, config.width, init),
        time_embedding_(config.width, init),
        conditioning_(config, init),
        decoder_({config.channels, config.patch, config.width, config.depth}, config.decoder, init) {
    // Initial values depend on the order of construction: with another one, a seed would give other weights.
    patch_embedding_.initialize(init);
    conditioning_.add_blocks(config, init);
    blocks_.reserve(static_cast<std::size_t>(config.depth));
    for (std::int64_t i = 0; i < config.depth; ++i) blocks_.emplace_back(config.width, config.heads, init);
  }

  const Config& config() const { return config_; }

  /// Pixels that one token stands for in x and in the output.
  const PatchSize& decoder_patch() const { return decoder_patch_; }

  /// tap(i, tokens (B, L, D)) is called after block i, counted from 0. Under Mixed everything that goes in or
  /// out is float32, tokens too. Throws ShapeError unless patches of decoder_patch() fill x and the batches
  /// agree, and what the conditioning throws.
  template <class Tap = NoTap>
  Tensor<W, Device> forward(const Tensor<W, Device>& x, const Tensor<W, Device>& t,
                            const Condition& condition, Tap&& tap = {}) const {
    check(x, t, condition);
    const std::int64_t P = config_.patch, rows = x.size(2) / decoder_patch_.height,
                       columns = x.size(3) / decoder_patch_.width;
    const auto time = time_embedding_(t);  // (B, D)
    BlockContext<T, Device> context = conditioning_(time, condition);
    auto s = patch_embedding_(seen(x, rows * P, columns * P));  // (B, L, D)
    context.rotary = rotary(rows, columns);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      s = blocks_[i](s, context);
      tap(static_cast<std::int64_t>(i), s);
    }
    s = silu(add(time.reshape({x.size(0), 1, config_.width}), s));
    if constexpr (AnySizeDecoder<DecoderType, T, Device>) {
      return decoder_(cast<T>(s), x, context.condition, decoder_patch_);
    } else {
      return decoder_(cast<T>(s), x, context.condition);
    }
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("s_embedder", self.patch_embedding_);
    visitor("t_embedder", self.time_embedding_);
    Conditioning::visit(self.conditioning_, visitor);
    visitor("blocks", self.blocks_);
    DecoderType::visit(self.decoder_, visitor);
  }

 protected:
  /// From now on the decoder draws (P a_h) x (P a_w) pixels a token.
  void scale_decoder(const DecoderScale& scale) {
    decoder_patch_ = {scaled_patch(scale.height), scaled_patch(scale.width)};
  }

 private:
  std::int64_t scaled_patch(double scale) const {
    const double size = static_cast<double>(config_.patch) * scale;
    const double whole = std::round(size);
    if (!(whole >= 1 && whole <= 1e6 && std::abs(size - whole) <= 1e-9 * whole)) {
      raise<ValueError>(Conditioning::model,
                        str_cat("a decoder scale that makes ", config_.patch, " pixels a whole number"),
                        str_cat(scale));
    }
    return static_cast<std::int64_t>(whole);
  }

  void check(const Tensor<W, Device>& x, const Tensor<W, Device>& t, const Condition& condition) const {
    if (x.rank() != 4 || x.size(1) != config_.channels || !(t.shape() == Shape{x.size(0)}) ||
        !(condition.shape() == conditioning_.shape(x.size(0)))) {
      raise<ShapeError>(
          Conditioning::model,
          str_cat("x (B, ", config_.channels, ", H, W), t (B) and ", conditioning_.expected()),
          str_cat("x ", x.shape(), ", t ", t.shape(), ", ", Conditioning::what, " ", condition.shape()));
    }
    if (x.size(2) % decoder_patch_.height != 0 || x.size(3) % decoder_patch_.width != 0) {
      raise<ShapeError>(Conditioning::model,
                        str_cat("images whose sides are multiples of ", decoder_patch_.height, " and ",
                                decoder_patch_.width),
                        str_cat("H ", x.size(2), " and W ", x.size(3)));
    }
  }

  /// What the transformer sees of x: the nearest pixels.
  Tensor<W, Device> seen(const Tensor<W, Device>& x, std::int64_t height, std::int64_t width) const {
    if (x.size(2) == height && x.size(3) == width) return x;
    return interpolate(x, height, width, Interpolation::nearest);
  }

  Tensor<W, Device> rotary(std::int64_t rows, std::int64_t columns) const {
    return tables_.get(rows, columns, [&] {
      const RotaryEnds ends = Positions::ends(rows, columns);
      return rotary_table<W, Device>(rows, columns, config_.width / config_.heads, ends.x, ends.y);
    });
  }

  Config config_;
  PatchSize decoder_patch_{config_.patch, config_.patch};
  PatchEmbedding<EdgePolicy> patch_embedding_;
  TimeEmbedding<EdgePolicy> time_embedding_;
  Conditioning conditioning_;
  std::vector<Block> blocks_;
  DecoderType decoder_;
  TableCache<W, Device> tables_;
};

}  // namespace pixnerd
