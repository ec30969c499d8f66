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

}  // namespace pixnerd
