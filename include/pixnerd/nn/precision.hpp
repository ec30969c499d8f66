/// \file
/// Precision policies: in which element types a layer computes.
#pragma once

#include <pixnerd/core/element.hpp>

namespace pixnerd {

/// Everything in T: Full<float> to train, Full<double> to check gradients of whole layers.
template <class T>
struct Full {
  using compute = T;         ///< activations, products and the parameters as layers see them
  using master = wide_t<T>;  ///< parameters as the optimizer sees them, their gradients and moments
};

/// Activations, their gradients and the products' operands in bfloat16; sums, statistics, the weights of norms,
/// the parameters' gradients and the optimizer's state in float32, and so is everything at a model's border:
/// images, times, condition vectors, velocities and losses.
struct Mixed {
  using compute = bfloat16;
  using master = float;
};

}  // namespace pixnerd
