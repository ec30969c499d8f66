/// \file
/// What an optimizer is: one update of all parameters of a store from their gradients.
#pragma once

#include <concepts>
#include <cstdint>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// What changes from one update to the next.
struct UpdateSettings {
  std::int64_t step = 1;          ///< number of this update, from 1
  double rate = 1e-4;             ///< learning rate
  double gradient_scale = 1;      ///< gradients are multiplied by it first; see clip_scale()
  double average_decay = 0.9999;  ///< of the moving average, where the store has one; see average_value()
};

/// Changes a store's weights, moments and average from its completed gradients, which it leaves as they are.
/// Where the store keeps copies of the weights for the layers (see ParameterStore::copies()), it writes those,
/// too, or calls refresh_copies() at its end.
template <class O, class Store>
concept Optimizer = requires(const O& optimizer, Store& store, const UpdateSettings& settings) {
  optimizer.update(store, settings);
};

/// An Optimizer that need not be told on the host how far gradients are to be clipped, or whether they are
/// finite: it has also update(store, settings, scale) with a `scale` of one element where the store is, which
/// takes the place of settings.gradient_scale. When it is NaN the update must change nothing. Training then
/// asks a GPU for the whole step at once. With any other Optimizer it waits for the norm before the update.
template <class O, class Store>
concept OptimizerOnDevice = Optimizer<O, Store> &&
    requires(const O& optimizer, Store& store, const UpdateSettings& settings,
             const Tensor<double, typename Store::Device>& scale) {
  optimizer.update(store, settings, scale);
};

}  // namespace pixnerd
