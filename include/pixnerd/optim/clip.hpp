// SPDX-License-Identifier: MIT
/// \file
/// Clipping gradients by their global norm.
#pragma once

#include <pixnerd/core/annotations.hpp>

namespace pixnerd {

/// The factor that scales gradients of the global norm `norm` down to `max_norm`:
///
///   min(1, max_norm / (norm + 1e-6))
///
/// A `max_norm` of 0 clips nothing. Source: torch.nn.utils.clip_grad_norm_ of PyTorch 1.13.
PIXNERD_HOST_DEVICE inline double clip_scale(double norm, double max_norm) {
  const double scale = max_norm / (norm + 1e-6);
  return max_norm > 0 && scale < 1 ? scale : 1.0;
}

}  // namespace pixnerd
