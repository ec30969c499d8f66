// SPDX-License-Identifier: MIT
/// \file
/// Repeated copies from the host to a device that do not wait for the work between them.
#pragma once

#include <cstddef>

#include <pixnerd/core/memory.hpp>

namespace pixnerd {

/// Copies to a device, again and again: `upload(to, from, bytes)` has read all of `from` when it returns, and
/// the device has the numbers before any work that is asked of it afterwards. Each device specializes it.
///
/// A GPU takes them from pinned memory of this object, so a call only waits for the copy of the call before,
/// not for the work that follows that copy.
template <class Device>
class Upload : MissingKernel<Device> {};

template <>
class Upload<Cpu> {
 public:
  void operator()(void* to, const void* from, std::size_t bytes) {
    MemoryTransfer<Cpu>::from_host(to, from, bytes);
  }
};

}  // namespace pixnerd
