// SPDX-License-Identifier: MIT
/// \file
/// What an optimizer is: one update of all weights of a store from their gradients.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// What changes from one update to the next.
struct UpdateSettings {
  std::int64_t step = 1;          ///< number of this update, from 1
  double rate = 1e-4;             ///< learning rate
  double gradient_scale = 1;      ///< gradients are multiplied by it first; see clip_scale()
  double average_decay = 0.9999;  ///< of the EMA weights, where the store has them; see average_value()
};

/// An optimizer is a small object of settings, which may serve several stores: what it remembers from update
/// to update lies in each store. It has
///
/// - `static constexpr std::array<std::string_view, N> state_names`, the names of the slabs that it needs
///   beside each weight: two for AdamW, one for momentum, none for plain gradient descent. They are the names
///   in checkpoints, too.
/// - `update(store, settings)`, which changes weights, state and average from store.gradients(). It gets its
///   state from store.start_state(*this), zeros in the first update. Where the store keeps rounded copies of
///   the weights (ParameterStore::copies()), it writes those too, or calls refresh_copies() at its end.
template <class O, class Store>
concept Optimizer = requires(const O& optimizer, Store& store, const UpdateSettings& settings) {
  { O::state_names.size() } -> std::convertible_to<std::size_t>;
  { *O::state_names.data() } -> std::convertible_to<std::string_view>;
  optimizer.update(store, settings);
};

/// An Optimizer that can take the scale of the gradients from device memory: update(store, settings, scale)
/// with a `scale` of one element, used in place of settings.gradient_scale. When it is NaN, the update must
/// change nothing. Training then enqueues a whole step on a GPU before it waits. With any other Optimizer it
/// waits for the norm before the update.
template <class O, class Store>
concept OptimizerOnDevice = Optimizer<O, Store> &&
    requires(const O& optimizer, Store& store, const UpdateSettings& settings,
             const Tensor<double, typename Store::Device>& scale) {
  optimizer.update(store, settings, scale);
};

}  // namespace pixnerd
