// SPDX-License-Identifier: MIT
/// \file
/// The diffusion transformer's block: attention and MLP, each behind an adaptive norm and a gate.
#pragma once

#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/gated_residual.hpp>
#include <pixnerd/ops/modulate.hpp>
#include <pixnerd/ops/split.hpp>
#include <pixnerd/transformer/self_attention.hpp>
#include <pixnerd/transformer/swiglu_mlp.hpp>

namespace pixnerd {

/// With (shift_a, scale_a, gate_a, shift_m, scale_m, gate_m) = Linear(D -> 6D)(condition):
///   s += gate_a * attention(norm1(s) * (1 + scale_a) + shift_a)
///   s += gate_m * mlp(norm2(s) * (1 + scale_m) + shift_m)
/// s (B, L, D) -> (B, L, D). Under Mixed the tokens s that all blocks add to stay float32; what is computed
/// from them is bfloat16. Norm, Attention and Mlp are any types with the constructors and calls used below; a
/// norm with a member modulated(x, shift, scale) does its line's shift and scale as well. Source:
/// FlattenDiTBlock in pixnerd_c2i.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>, class Norm = RmsNorm<Policy>, class Attention = SelfAttention<Policy>,
          class Mlp = SwigluMlp<Policy>>
struct DitBlock {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  Norm norm1;
  Attention attention;
  Norm norm2;
  Mlp mlp;
  Linear<Policy> modulation;

  DitBlock(std::int64_t width, std::int64_t heads, Initializer& init)
      : norm1(width, init),
        attention(width, heads, init),
        norm2(width, init),
        mlp(width, init),
        modulation(width, 6 * width, init) {}

  Tensor<W, Device> operator()(const Tensor<W, Device>& s, const BlockContext<T, Device>& context) const {
    const auto [shift_a, scale_a, gate_a, shift_m, scale_m, gate_m] =
        split<6>(modulation(cast<T>(context.condition)), -1);  // (B, D)
    const auto h = gated_residual(s, gate_a, attention(modulated(norm1, s, shift_a, scale_a), context));
    return gated_residual(h, gate_m, mlp(modulated(norm2, h, shift_m, scale_m)));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("norm1", self.norm1);
    visitor("attn", self.attention);
    visitor("norm2", self.norm2);
    visitor("mlp", self.mlp);
    visitor("adaLN_modulation.0", self.modulation);
  }

 private:
  static Tensor<T, Device> modulated(const Norm& norm, const Tensor<W, Device>& x,
                                     const Tensor<T, Device>& shift, const Tensor<T, Device>& scale) {
    if constexpr (requires { norm.modulated(x, shift, scale); }) {
      return norm.modulated(x, shift, scale);
    } else {
      return modulate(norm(cast<T>(x)), shift, scale);
    }
  }
};

}  // namespace pixnerd
