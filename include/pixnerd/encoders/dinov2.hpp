// SPDX-License-Identifier: MIT
/// \file
/// DINOv2: a vision transformer whose patch tokens describe an image; REPA draws a model's tokens toward
/// them.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <pixnerd/nn/module.hpp>
#include <pixnerd/objectives/feature_encoder.hpp>
#include <pixnerd/ops/concat.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/patchify.hpp>
#include <pixnerd/ops/slice.hpp>
#include <pixnerd/transformer/token_grid.hpp>
#include <pixnerd/transformer/vit_block.hpp>

namespace pixnerd {

/// Sizes of a DINOv2; the defaults are ViT-B/14 without registers, 86.6 million parameters.
struct Dinov2Config {
  std::int64_t channels = 3;
  std::int64_t patch = 14;       ///< P
  std::int64_t grid = 37;        ///< M: patches along a side of the images it was trained on, 518 pixels
  std::int64_t width = 768;      ///< D
  std::int64_t heads = 12;       ///< A
  std::int64_t depth = 12;       ///< blocks
  std::int64_t hidden = 3072;    ///< of the MLP
  double position_offset = 0.1;  ///< what the position grid's scale factor has too much, in patches
  bool mask_token = true;  ///< whether the parameters hold the mask token of training, which nothing reads

  bool operator==(const Dinov2Config&) const = default;
};

/// Patch tokens of images. Parameter names are those of the published files (facebookresearch/dinov2); the
/// weights of the patch embedding have a convolution's shape (D, C, P, P). Source: Oquab et al. 2023,
/// "DINOv2: learning robust visual features without supervision".
template <class Policy = On<Cpu>>
class Dinov2 {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Dinov2(const Dinov2Config& config, Initializer& init)
      : config_(config),
        class_token_(init.normal<W, Device>({1, 1, config.width}, 1e-6)),
        positions_(init.normal<W, Device>({1, 1 + config.grid * config.grid, config.width}, 0.02)),
        patches_(config, init),
        norm_(config.width, init) {
    if (config.mask_token) mask_token_ = init.constant<W, Device>({1, config.width}, 0.0);
    blocks_.reserve(static_cast<std::size_t>(config.depth));
    for (std::int64_t i = 0; i < config.depth; ++i)
      blocks_.emplace_back(config.width, config.heads, config.hidden, init);
  }

  const Dinov2Config& config() const { return config_; }

  /// Images (B, C, H, W), normalized and of their final size, P dividing H and W -> patch tokens (B, L, D)
  /// after the final norm, without the class token. Under Mixed, too, float32 goes in and out. Throws
  /// ShapeError for images that do not fit.
  Tensor<W, Device> forward(const Tensor<W, Device>& images) const {
    if (images.rank() != 4 || images.size(1) != config_.channels) {
      raise<ShapeError>("Dinov2", str_cat("images (B, ", config_.channels, ", H, W)"),
                        str_cat(images.shape()));
    }
    const auto patches = patches_(images);  // (B, L, D)
    const std::int64_t batch = images.size(0), length = patches.size(1);
    const auto class_tokens =
        add(Tensor<W, Device>::zeros({batch, 1, config_.width}), class_token_);  // (B, 1, D)
    auto s = add(concat(std::vector{class_tokens, patches}, 1),
                 positions({images.size(2) / config_.patch, images.size(3) / config_.patch}));
    for (const auto& block : blocks_) s = block(s);
    return slice(norm_(s), 1, 1, 1 + length);
  }

  /// The positions of a grid of patches, as an image (1, D, rows, columns): the learned M x M ones, resized
  /// bicubically with the source M / (rows + offset) further from one to the next. As published: the offset
  /// is in the step alone, and an M x M grid stays as it is.
  Tensor<W, Device> position_grid(const TokenGrid& grid) const {
    const std::int64_t m = config_.grid;
    const auto learned = grid_image(slice(positions_, 1, 1, 1 + m * m), {m, m});
    if (grid == TokenGrid{m, m}) return learned;
    const auto step = [&](std::int64_t n) {
      return static_cast<double>(m) / (static_cast<double>(n) + config_.position_offset);
    };
    return interpolate(learned, grid.rows, grid.columns, Interpolation::bicubic,
                       {step(grid.rows), step(grid.columns)});
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("cls_token", self.class_token_);
    visitor("pos_embed", self.positions_);
    visitor("mask_token", self.mask_token_);
    visitor("patch_embed.proj", self.patches_);
    visitor("blocks", self.blocks_);
    visitor("norm", self.norm_);
  }

 private:
  /// A convolution whose stride is its size: cut into patches, one product.
  struct PatchEmbedding {
    std::int64_t patch;
    Tensor<T, Device> weight, bias;

    PatchEmbedding(const Dinov2Config& config, Initializer& init) : patch(config.patch) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(config.channels * patch * patch));
      weight = init.uniform<T, Device>({config.width, config.channels, patch, patch}, bound);
      bias = init.uniform<T, Device>({config.width}, bound);
    }

    Tensor<W, Device> operator()(const Tensor<W, Device>& images) const {
      const std::int64_t out = weight.size(0);
      return wide_linear(patchify(cast<T>(images), patch, patch), weight.reshape({out, weight.count() / out}),
                         bias);
    }

    static void visit(auto& self, auto&& visitor) {
      visitor("weight", self.weight);
      visitor("bias", self.bias);
    }
  };

  /// (1, 1 + L, D), the class token's first.
  Tensor<W, Device> positions(const TokenGrid& grid) const {
    if (grid == TokenGrid{config_.grid, config_.grid}) return positions_;
    return concat(std::vector{slice(positions_, 1, 0, 1), grid_tokens(position_grid(grid))}, 1);
  }

  Dinov2Config config_;
  Tensor<W, Device> class_token_, positions_, mask_token_;
  PatchEmbedding patches_;
  std::vector<VitBlock<Policy>> blocks_;
  LayerNorm<On<Device, Full<W>>> norm_;
};

/// A frozen DINOv2 as the encoder that REPA takes features from. Images are normalized with ImageNet's mean
/// and deviation and resized so that the encoder has one patch where the model that is trained has one.
/// Source: DINOv2 in encoder.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
class Dinov2Encoder {
 public:
  using Device = typename Policy::Device;
  using W = wide_t<typename Policy::Compute>;

  /// `patch` is the side of the trained model's patches in pixels, 16 in the published ones.
  /// Throws ValueError below 1 and for a model of other than three channels.
  explicit Dinov2Encoder(Dinov2<Policy> model, std::int64_t patch = 16)
      : model_(std::move(model)), patch_(patch) {
    if (patch < 1) raise<ValueError>("Dinov2Encoder", "a patch of at least one pixel", str_cat(patch));
    if (model_.config().channels != 3)
      raise<ValueError>("Dinov2Encoder", "a model of three channels", str_cat(model_.config().channels));
    const std::vector<W> means{W(0.485), W(0.456), W(0.406)};
    const std::vector<W> deviations{W(0.229), W(0.224), W(0.225)};
    means_ = Tensor<W, Device>::from_host({1, 3, 1, 1}, means);
    deviations_ = Tensor<W, Device>::from_host({1, 3, 1, 1}, deviations);
  }

  const Dinov2<Policy>& model() const { return model_; }
  std::int64_t patch() const { return patch_; }  ///< of the model that is trained
  std::int64_t feature_width() const { return model_.config().width; }

  /// Images (B, 3, H, W) in [0, 1] as the model wants them: normalized, then resized bicubically to
  /// floor(14 H / 16) x floor(14 W / 16), where 14 and 16 are the patches of the two models.
  Tensor<W, Device> prepared(const Tensor<W, Device>& images) const {
    if (images.rank() != 4 || images.size(1) != 3)
      raise<ShapeError>("Dinov2Encoder", "images (B, 3, H, W)", str_cat(images.shape()));
    if (images.size(2) < patch_ || images.size(3) < patch_ || images.size(2) % patch_ != 0 ||
        images.size(3) % patch_ != 0) {
      raise<ShapeError>("Dinov2Encoder", str_cat("images whose sides are multiples of ", patch_),
                        str_cat(images.shape()));
    }
    const std::int64_t patch = model_.config().patch;
    return interpolate(divide(subtract(images, means_), deviations_), patch * images.size(2) / patch_,
                       patch * images.size(3) / patch_, Interpolation::bicubic);
  }

  /// Images (B, 3, H, W) in [-1, 1], as training has them -> features (B, L, D), L = (H / 16) (W / 16).
  /// Nothing is recorded, nothing gets a gradient. Throws ShapeError for images that do not fit.
  Tensor<W, Device> features(const Tensor<W, Device>& images) const {
    const NoGrad frozen;
    return model_.forward(prepared(scale(add_scalar(images, 1.0), 0.5)));
  }

 private:
  Dinov2<Policy> model_;
  std::int64_t patch_;
  Tensor<W, Device> means_, deviations_;
};

}  // namespace pixnerd
