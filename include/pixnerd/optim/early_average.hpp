// SPDX-License-Identifier: MIT
/// \file
/// EMA weights that forget the random initial weights quickly.
#pragma once

#include <algorithm>

#include <pixnerd/optim/optimizer.hpp>

namespace pixnerd {

/// Any optimizer, with an EMA decay of at most (1 + s) / (10 + s) in step s. Source: EMAModel.get_decay of
/// diffusers 0.35, with use_ema_warmup off; torch_ema's ExponentialMovingAverage.
template <class AnOptimizer>
struct WithEarlyAverage {
  static constexpr auto state_names = AnOptimizer::state_names;
  AnOptimizer optimizer;

  /// `scale` is what an OptimizerOnDevice is given besides.
  template <class Store, class... Scale>
  void update(Store& store, UpdateSettings settings, const Scale&... scale) const {
    const auto step = static_cast<double>(settings.step);
    settings.average_decay = std::min(settings.average_decay, (1 + step) / (10 + step));
    optimizer.update(store, settings, scale...);
  }
};

}  // namespace pixnerd
