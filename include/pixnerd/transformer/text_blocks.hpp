// SPDX-License-Identifier: MIT
/// \file
/// The two kinds of block of the text-to-image model.
#pragma once

#include <pixnerd/transformer/dit_block.hpp>
#include <pixnerd/transformer/joint_attention.hpp>

namespace pixnerd {

/// A DiT block over text tokens: its context has no rotary table. Source: TextRefineBlock in
/// pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
using TextRefineBlock = DitBlock<Policy, RmsNorm<Policy, RmsRounding::after_weight>, SelfAttention<Policy>,
                                 MergedSwigluMlp<Policy>>;

/// A DiT block over image tokens that also attend to the text. Source: FlattenDiTBlock in
/// pixnerd_t2i_heavydecoder.py, MCG-NJU/PixNerd@6da060b.
template <class Policy = On<Cpu>>
using JointBlock = DitBlock<Policy, RmsNorm<Policy, RmsRounding::after_weight>, JointAttention<Policy>,
                            MergedSwigluMlp<Policy>>;

}  // namespace pixnerd
