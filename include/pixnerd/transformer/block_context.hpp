// SPDX-License-Identifier: MIT
/// \file
/// What every block of a transformer is given beside its tokens.
#pragma once

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Shared by all blocks of one forward pass; T is the type in which blocks compute. Blocks read what they
/// need and ignore the rest.
template <class T, class Device>
struct BlockContext {
  Tensor<wide_t<T>, Device> condition;  ///< (B, D): one vector per image, for adaptive norms
  Tensor<wide_t<T>, Device> rotary;     ///< (L, d): see rotary_table.hpp; undefined for no rotary embedding
  /// (B, n, D): text tokens, for joint attention; undefined without. Like the image's tokens they stay wide:
  /// every block adds to their gradient.
  Tensor<wide_t<T>, Device> text;
};

}  // namespace pixnerd
