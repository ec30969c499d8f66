// SPDX-License-Identifier: MIT
/// \file
/// Qwen3, a language model, as far as its hidden states: the text encoder of PixNerd's text-to-image model.
#pragma once

#include <cstdint>
#include <vector>

#include <pixnerd/nn/embedding.hpp>
#include <pixnerd/nn/module.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/nn/table_cache.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/elementwise.hpp>
#include <pixnerd/ops/swiglu.hpp>
#include <pixnerd/transformer/grouped_attention.hpp>
#include <pixnerd/transformer/text_rotary_table.hpp>

namespace pixnerd {

/// Sizes of a Qwen3; the defaults are Qwen3-1.7B.
struct Qwen3Config {
  std::int64_t vocabulary = 151936;
  std::int64_t width = 2048;      ///< D
  std::int64_t hidden = 6144;     ///< of the MLPs
  std::int64_t depth = 28;        ///< layers
  std::int64_t heads = 16;        ///< A
  std::int64_t key_heads = 8;     ///< of keys and values
  std::int64_t head_width = 128;  ///< d
  double rotary_theta = 1e6;
  double epsilon = 1e-6;  ///< of all norms

  bool operator==(const Qwen3Config&) const = default;
};

/// y = down_proj(silu(gate_proj x) * up_proj x), no biases: x (..., D) -> (..., D) of wide_t<T>.
template <class Policy = On<Cpu>>
struct Qwen3Mlp {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;

  Linear<Policy> gate_proj;
  Linear<Policy> up_proj;
  Linear<Policy> down_proj;

  Qwen3Mlp(std::int64_t width, std::int64_t hidden, Initializer& init)
      : gate_proj(width, hidden, init, false),
        up_proj(width, hidden, init, false),
        down_proj(hidden, width, init, false) {}

  Tensor<wide_t<T>, Device> operator()(const Tensor<T, Device>& x) const {
    return down_proj.wide(swiglu(gate_proj(x), up_proj(x)));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("gate_proj", self.gate_proj);
    visitor("up_proj", self.up_proj);
    visitor("down_proj", self.down_proj);
  }
};

/// s += attention(norm1(s)); s += mlp(norm2(s)). s (B, L, D) of wide_t<T>: the sums stay float32 under Mixed.
template <class Policy = On<Cpu>>
struct Qwen3Layer {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  GroupedAttention<Policy> attention;
  Qwen3Mlp<Policy> mlp;
  RmsNorm<On<Device, Full<W>>> attention_norm;
  RmsNorm<On<Device, Full<W>>> mlp_norm;

  Qwen3Layer(const Qwen3Config& config, Initializer& init)
      : attention({config.width, config.heads, config.key_heads, config.head_width, config.epsilon}, init),
        mlp(config.width, config.hidden, init),
        attention_norm(config.width, init, config.epsilon),
        mlp_norm(config.width, init, config.epsilon) {}

  Tensor<W, Device> operator()(const Tensor<W, Device>& s, const TextContext<T, Device>& context) const {
    const auto h = add(s, attention(cast<T>(attention_norm(s)), context));
    return add(h, mlp(cast<T>(mlp_norm(h))));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("self_attn", self.attention);
    visitor("mlp", self.mlp);
    visitor("input_layernorm", self.attention_norm);
    visitor("post_attention_layernorm", self.mlp_norm);
  }
};

/// Token ids to the hidden states after the final norm. Parameter names are those of the published files
/// without their prefix "model.". Source: Qwen3, arXiv 2505.09388.
template <class Policy = On<Cpu>>
class Qwen3 {
 public:
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Qwen3(const Qwen3Config& config, Initializer& init)
      : config_(config),
        embedding_(config.vocabulary, config.width, init),
        norm_(config.width, init, config.epsilon) {
    layers_.reserve(static_cast<std::size_t>(config.depth));
    for (std::int64_t i = 0; i < config.depth; ++i) layers_.emplace_back(config, init);
  }

  const Qwen3Config& config() const { return config_; }

  /// ids (B, L), right-padded, counts (B) their tokens before the padding, or undefined where there is none
  /// -> (B, L, D) of wide_t<T>, padding included. A text without tokens is one of padding alone. Throws
  /// ShapeError when sizes do not fit, ValueError for an id outside the vocabulary.
  Tensor<W, Device> forward(const Tensor<std::int64_t, Device>& ids,
                            const Tensor<std::int64_t, Device>& counts = {}) const {
    if (ids.rank() != 2 || ids.size(1) < 1) {
      raise<ShapeError>("Qwen3", "ids (B, L) with at least one token each", str_cat(ids.shape()));
    }
    const std::int64_t length = ids.size(1);
    TextContext<T, Device> context;
    context.counts = counts;
    context.rotary = tables_.get(length, config_.head_width, [&] {
      return text_rotary_table<W, Device>(length, config_.head_width, config_.rotary_theta);
    });
    Tensor<W, Device> s = cast<W>(embedding_(ids));  // (B, L, D)
    for (const auto& layer : layers_) s = layer(s, context);
    return norm_(s);
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("embed_tokens", self.embedding_);
    visitor("layers", self.layers_);
    visitor("norm", self.norm_);
  }

 private:
  Qwen3Config config_;
  Embedding<Policy> embedding_;
  std::vector<Qwen3Layer<Policy>> layers_;
  RmsNorm<On<Device, Full<W>>> norm_;
  TableCache<W, Device> tables_;
};

}  // namespace pixnerd
