// SPDX-License-Identifier: MIT
/// \file
/// Repeating the same work, which a GPU can do from a captured graph.
#pragma once

#include <utility>

#include <pixnerd/core/device.hpp>

namespace pixnerd {

/// Runs work that differs from call to call only in the contents of fixed memory: `capture(work)` calls
/// work(), or repeats the device operations of an earlier call. Each device specializes it.
///
/// A GPU runs the first two calls directly, captures the third as a graph, and from then on launches that
/// graph without calling `work`. So `work` must issue the same operations each time, on tensors that live as
/// long as this object or are created and freed inside. It must neither read numbers from the device nor copy
/// from the host: write what changes into fixed tensors before the call. Only the first call may do more,
/// such as creating tensors that are kept. Results that `work` leaves on the host are those of its last real
/// call. The CPU simply calls `work`.
///
/// Constructed with false, it calls `work` each time on every device. Two objects may share memory if they
/// never run at the same time and their work keeps nothing that it creates after its first call.
template <class Device>
class GraphCapture : MissingKernel<Device> {};

template <>
class GraphCapture<Cpu> {
 public:
  /// Whether this device ever skips calls of `work`.
  static constexpr bool captures = false;

  explicit GraphCapture(bool capture = true) { (void)capture; }
  /// Shares the memory of `other`.
  GraphCapture(bool capture, const GraphCapture& other) { (void)capture, (void)other; }

  template <class Work>
  void operator()(Work&& work) {
    std::forward<Work>(work)();
  }

  /// Drops the captured graph. Call it when the work will use other tensors.
  void reset() {}
};

}  // namespace pixnerd
