/// \file
/// A copy of a parameter store on the host, to be saved while training goes on.
#pragma once

#include <vector>

#include <pixnerd/optim/parameter_store.hpp>

namespace pixnerd {

/// What a checkpoint keeps of a ParameterStore, copied to the host: weights, two moments, and the average where
/// there is one, so 12 or 16 bytes a parameter for float32. It has the store's entries() and slabs.
template <class Master>
class StoreSnapshot {
 public:
  using T = Master;
  using Device = Cpu;
  using Slab = Tensor<T, Cpu>;

  /// Copies a store as it is now, which waits for a GPU. Memory is kept from call to call. Throws OutOfMemory
  /// when there is none.
  template <class Policy>
  void take(const ParameterStore<Policy>& store) {
    entries_ = store.entries();
    copy(weights_, store.weights());
    copy(first_moments_, store.first_moments());
    copy(second_moments_, store.second_moments());
    copy(average_, store.average());
  }

  const std::vector<ParameterEntry>& entries() const { return entries_; }
  const Slab& weights() const { return weights_; }
  const Slab& first_moments() const { return first_moments_; }
  const Slab& second_moments() const { return second_moments_; }
  const Slab& average() const { return average_; }

  /// A parameter's part of a slab.
  Slab part(const Slab& slab, const ParameterEntry& entry) const {
    return Slab(slab.storage(), slab.data() + entry.offset, entry.shape);
  }

 private:
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
  Slab weights_, first_moments_, second_moments_, average_;
};

}  // namespace pixnerd
