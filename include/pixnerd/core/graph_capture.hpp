// SPDX-License-Identifier: MIT
/// \file
/// Running the same work again and again, which a GPU can do from a recording.
#pragma once

#include <utility>

#include <pixnerd/core/device.hpp>

namespace pixnerd {

/// Runs work that is the same each time but for the contents of fixed memory: `replay(work)` calls work(), or
/// repeats what an earlier call of it asked the device to do. Each device specializes it.
///
/// A GPU runs the first two calls as they are, records the third as a graph, and replays that from then on
/// without calling `work`. So `work` must ask for the same operations each time, on tensors that live as long
/// as this object or are made and freed inside, and must neither look at numbers on the device nor copy from
/// the host: what changes from call to call is put into fixed tensors before. Its first call alone may do
/// more, and make tensors that are kept. What it leaves on the host, the last call that was made leaves. The
/// CPU simply calls `work`.
///
/// Constructed with false it calls `work` each time on every device. Two of them that never run at once, and
/// whose work keeps nothing that it makes in later calls than its first, may share the memory for it.
template <class Device>
class GraphCapture : MissingKernel<Device> {};

template <>
class GraphCapture<Cpu> {
 public:
  /// Whether calls of `work` are ever left out on this device.
  static constexpr bool captures = false;

  explicit GraphCapture(bool capture = true) { (void)capture; }
  /// One that shares the memory of `other`.
  GraphCapture(bool capture, const GraphCapture& other) { (void)capture, (void)other; }

  template <class Work>
  void operator()(Work&& work) {
    std::forward<Work>(work)();
  }

  /// Forgets the recording: the tensors that the work uses are other ones from now on.
  void reset() {}
};

}  // namespace pixnerd
