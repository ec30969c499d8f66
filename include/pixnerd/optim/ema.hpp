/// \file
/// The exponential moving average of weights.
#pragma once

#include <pixnerd/core/annotations.hpp>

namespace pixnerd {

/// decay average + (1 - decay) weight: the average after an update that left `weight`. `rest` is 1 - decay,
/// subtracted in float64 by the caller. Source: PixNerd, training.
template <class T>
PIXNERD_HOST_DEVICE inline T average_value(T average, T weight, T decay, T rest) {
  return decay * average + rest * weight;
}

}  // namespace pixnerd
