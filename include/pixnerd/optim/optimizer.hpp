/// \file
/// What an optimizer is: one update of all parameters of a store from their gradients.
#pragma once

#include <concepts>
#include <cstdint>

namespace pixnerd {

/// What changes from one update to the next.
struct UpdateSettings {
  std::int64_t step = 1;          ///< number of this update, from 1
  double rate = 1e-4;             ///< learning rate
  double gradient_scale = 1;      ///< gradients are multiplied by it first; see clip_scale()
  double average_decay = 0.9999;  ///< of the moving average, where the store has one; see average_value()
};

/// Changes a store's weights, moments and average from its completed gradients, which it leaves as they are.
template <class O, class Store>
concept Optimizer = requires(const O& optimizer, Store& store, const UpdateSettings& settings) {
  optimizer.update(store, settings);
};

}  // namespace pixnerd
