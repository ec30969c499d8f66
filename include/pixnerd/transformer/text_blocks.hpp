/// \file
/// The two kinds of block of the text-to-image model.
#pragma once

#include <pixnerd/transformer/dit_block.hpp>
#include <pixnerd/transformer/joint_attention.hpp>

namespace pixnerd {

/// A DiT block over text tokens: its context has no rotary table. Source: PixNerd, text-to-image model, text refine block.
template <class Device, class Precision = Full<float>>
using TextRefineBlock = DitBlock<Device, Precision, RmsNorm<Device, Precision, RmsRounding::after_weight>,
                                 SelfAttention<Device, Precision>, MergedSwigluMlp<Device, Precision>>;

/// A DiT block over image tokens that also attend to the text. Source: PixNerd, text-to-image model, joint attention.
template <class Device, class Precision = Full<float>>
using JointBlock = DitBlock<Device, Precision, RmsNorm<Device, Precision, RmsRounding::after_weight>,
                            JointAttention<Device, Precision>, MergedSwigluMlp<Device, Precision>>;

}  // namespace pixnerd
