/// \file
/// What every block of a transformer is given beside its tokens.
#pragma once

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Shared by all blocks of one forward pass. Blocks read what they need and ignore the rest.
template <class T, class Device>
struct BlockContext {
  Tensor<T, Device> condition;  ///< (B, D): one vector per image, for adaptive norms
  Tensor<T, Device> rotary;     ///< (L, d): see rotary_table.hpp; undefined for no rotary embedding
  Tensor<T, Device> text;       ///< (B, n, D): text tokens, for joint attention; undefined without text
};

}  // namespace pixnerd
