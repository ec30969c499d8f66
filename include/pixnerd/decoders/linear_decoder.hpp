// SPDX-License-Identifier: MIT
/// \file
/// DiT's decoder, the plain alternative to the neural field: one linear map from a token to the pixels of its
/// patch.
#pragma once

#include <pixnerd/decoders/decoder.hpp>
#include <pixnerd/nn/linear.hpp>
#include <pixnerd/nn/rms_norm.hpp>
#include <pixnerd/ops/cast.hpp>
#include <pixnerd/ops/modulate.hpp>
#include <pixnerd/ops/patchify.hpp>
#include <pixnerd/ops/split.hpp>

namespace pixnerd {

/// There is nothing to choose.
struct LinearDecoderConfig {
  bool operator==(const LinearDecoderConfig&) const = default;
};

/// (shift, scale) = Linear(D -> 2D)(condition); patch = Linear(D -> C P^2)(norm(token) * (1 + scale) +
/// shift), zero at first. Source: Peebles and Xie 2022, "Scalable diffusion models with transformers".
template <class Policy = On<Cpu>>
struct LinearDecoder {
  using Device = typename Policy::Device;
  using T = typename Policy::Compute;
  using W = wide_t<T>;

  using Config = LinearDecoderConfig;

  DecoderSizes sizes;
  RmsNorm<Policy> norm;
  Linear<Policy> modulation;
  Linear<Policy> linear;

  LinearDecoder(const DecoderSizes& of, const Config&, Initializer& init)
      : sizes(of),
        norm(of.width, init),
        modulation(of.width, 2 * of.width, init),
        linear(of.width, of.channels * of.patch * of.patch, init) {
    linear.weight = init.constant<T, Device>({of.channels * of.patch * of.patch, of.width}, 0.0);
    linear.bias = init.constant<T, Device>({of.channels * of.patch * of.patch}, 0.0);
  }

  Tensor<W, Device> operator()(const Tensor<T, Device>& tokens, const Tensor<W, Device>& x,
                               const Tensor<W, Device>& condition) const {
    const auto [shift, scale] = split<2>(modulation(cast<T>(condition)), -1);  // (B, D)
    const auto patches = linear(modulate(norm(tokens), shift, scale));         // (B, L, C*P*P)
    return cast<W>(fold(patches, sizes.channels, x.size(2), x.size(3), sizes.patch, sizes.patch,
                        PatchLayout::channels_first));
  }

  static void visit(auto& self, auto&& visitor) {
    visitor("final_layer.norm", self.norm);
    visitor("final_layer.adaLN_modulation.0", self.modulation);
    visitor("final_layer.linear", self.linear);
  }
};

}  // namespace pixnerd
