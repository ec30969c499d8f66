// SPDX-License-Identifier: MIT
/// \file
/// A copy of a parameter store on the host, which is saved while training goes on.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd {

/// What a checkpoint keeps of a ParameterStore, copied to the host: weights, the optimizer's state, and the
/// average where there is one. With AdamW that is 12 or 16 bytes a parameter for float32. It has the
/// functions of the store that save_checkpoint() calls.
template <class Master>
class StoreSnapshot {
 public:
  using T = Master;
  using Device = Cpu;
  using Slab = Tensor<T, Cpu>;

  /// Copies a store as it is now, after waiting for the GPU. Memory is kept from call to call. Throws
  /// OutOfMemory when allocation fails.
  template <class Policy>
  void take(const ParameterStore<Policy>& store) {
    entries_ = store.entries();
    copy(weights_, store.weights());
    take_state(store);
    copy(average_, store.average());
  }

  const std::vector<ParameterEntry>& entries() const { return entries_; }
  const Slab& weights() const { return weights_; }
  const OptimizerState<T, Cpu>& state() const { return state_; }
  const Slab& average() const { return average_; }

  /// A parameter's part of a slab.
  Slab part(const Slab& slab, const ParameterEntry& entry) const {
    return Slab(slab.storage(), slab.data() + entry.offset, entry.shape);
  }

 private:
  template <class Policy>
  void take_state(const ParameterStore<Policy>& store) {
    const auto& from = store.state().slabs();
    std::vector<std::string_view> names;
    for (const auto& [name, slab] : from) names.push_back(name);
    const auto fits = [&](const auto& kept) { return kept.second.count() == store.count(); };
    if (state_.slabs().size() != from.size() || !std::ranges::all_of(state_.slabs(), fits)) state_ = {};
    state_.start(names, store.count());
    for (const auto& [name, slab] : from) {
      const Slab to = state_[name];
      MemoryTransfer<typename Policy::Device>::to_host(to.data(), slab.data(), slab.bytes());
    }
  }

  template <class Device>
  static void copy(Slab& to, const Tensor<T, Device>& from) {
    if (!from.defined()) {
      to = {};
      return;
    }
    if (!to.defined() || !(to.shape() == from.shape())) {
      to = {};
      to = Slab(from.shape());
    }
    MemoryTransfer<Device>::to_host(to.data(), from.data(), from.bytes());
  }

  std::vector<ParameterEntry> entries_;
  Slab weights_, average_;
  OptimizerState<T, Cpu> state_;
};

}  // namespace pixnerd
