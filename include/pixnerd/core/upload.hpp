// SPDX-License-Identifier: MIT
/// \file
/// Repeated copies from the host to a device that do not wait for the work in between.
#pragma once

#include <cstddef>

#include <pixnerd/core/memory.hpp>

namespace pixnerd {

/// Copies to a device repeatedly: `upload(to, from, bytes)` has read all of `from` when it returns, and the
/// copy comes before any device work that is issued later. Each device specializes it.
///
/// On a GPU the bytes pass through pinned memory of this object, so a call only waits for the previous copy,
/// not for the work after it.
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
