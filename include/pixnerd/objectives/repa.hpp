// SPDX-License-Identifier: MIT
/// \file
/// REPA: a second training objective that draws a block's tokens toward the features of a frozen image
/// encoder (Yu et al. 2024, "Representation alignment for generation"). Source: REPATrainer in
/// training_repa.py, MCG-NJU/PixNerd@6da060b.
#pragma once

#include <cstdint>
#include <utility>

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/module.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/cosine_similarity.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/reduce.hpp>
#include <pixnerd/ops/silu.hpp>
#include <pixnerd/transformer/token_grid.hpp>

namespace pixnerd {

/// Linear, SiLU, Linear, SiLU, Linear: tokens (B, L, D) -> (B, L, features), with hidden width D.
/// Its parameters are named as published: 0.0, 0.2 and 0.4, behind "proj" in a checkpoint.
template <class Policy = On<Cpu>>
struct RepaProjector {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> first, second, third;

  RepaProjector(std::int64_t width, std::int64_t features, Initializer& init)
      : first(width, width, init), second(width, width, init), third(width, features, init) {}

  Tensor<T, Device> operator()(const Tensor<T, Device>& tokens) const {
    return third(silu(second(silu(first(tokens)))));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("0.0", self.first);
    visitor("0.2", self.second);
    visitor("0.4", self.third);
  }
};

/// A tap that keeps the tokens of one block. Pass it to the model's forward by reference.
template <class T, class Device>
class BlockTap {
 public:
  /// `block` is counted from 1, as configurations do. Throws ValueError below 1.
  explicit BlockTap(std::int64_t block) : block_(block) {
    if (block < 1) raise<ValueError>("block tap", "a block counted from 1", str_cat(block));
  }

  void operator()(std::int64_t index, const Tensor<T, Device>& tokens) {
    if (index + 1 == block_) tokens_ = tokens;
  }

  /// What the block gave. Throws ValueError when the model has no such block.
  const Tensor<T, Device>& tokens() const {
    if (!tokens_.defined()) {
      raise<ValueError>("block tap", str_cat("a model that has run and has a block ", block_),
                        "no tokens of it");
    }
    return tokens_;
  }

 private:
  std::int64_t block_;
  Tensor<T, Device> tokens_;
};

/// 1 - cosine similarity over the innermost axis, averaged over all tokens. Both (B, L, features) -> one
/// element, from 0 to 2. Throws ShapeError when the shapes differ.
template <class T, class Device>
Tensor<T, Device> alignment_loss(const Tensor<T, Device>& projected, const Tensor<T, Device>& features) {
  return -1.0 * mean(cosine_similarity(projected, features)) + 1.0;
}

/// An encoder's features (B, L, F) of images of height x width pixels as features of `length` tokens that
/// cover the same images: themselves where the numbers are equal, else resized bilinearly from grid to grid.
/// Published encoders are given images of such a size that they are equal. Throws ShapeError when either
/// number fits no grid of squares.
template <class T, class Device>
Tensor<T, Device> matched_features(const Tensor<T, Device>& features, std::int64_t length,
                                   std::int64_t height, std::int64_t width) {
  if (features.rank() != 3) raise<ShapeError>("repa", "features (B, L, F)", str_cat(features.shape()));
  if (features.size(1) == length) return features;
  return resize_token_grid(features, token_grid(features.size(1), height, width),
                           token_grid(length, height, width));
}

/// The objective as training adds it to the flow-matching loss (repa_objective() in train/ does so):
///
///   auto tap = repa.tap();
///   const auto flow = flow_matching_loss(sample, model.forward(sample.x, sample.t, labels, tap));
///   const auto alignment = repa.alignment(tap, features);
///   const auto total = repa.total(flow, alignment);
///
/// The projector is optimized and clipped with the model, but not averaged with it.
template <class Policy = On<Cpu>>
struct Repa {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  RepaProjector<Policy> projector;
  std::int64_t block = 8;  ///< whose tokens are aligned, counted from 1; 8 in L and XL, 6 in text-to-image
  double weight = 0.5;     ///< of the alignment in the total

  BlockTap<W, Device> tap() const { return BlockTap<W, Device>(block); }

  /// The tapped tokens (B, L, D), projected, against the encoder's `features` (B, L, features) of the clean
  /// images: one element, from 0 to 2. Under Mixed only the projector computes in bfloat16.
  Tensor<W, Device> alignment(const BlockTap<W, Device>& tap, const Tensor<W, Device>& features) const {
    return alignment_loss(cast<W>(projector(cast<T>(tap.tokens()))), features);
  }

  /// flow + weight alignment.
  Tensor<W, Device> total(const Tensor<W, Device>& flow, const Tensor<W, Device>& alignment) const {
    return weighted_sum<W, Device>({{1.0, flow}, {weight, alignment}});
  }

  static void visit(auto& self, auto&& visitor) { visitor("proj", self.projector); }
};

}  // namespace pixnerd
