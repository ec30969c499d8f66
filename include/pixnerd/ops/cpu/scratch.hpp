// SPDX-License-Identifier: MIT
/// \file
/// Working memory of one tile of a CPU kernel.
#pragma once

#include <cstdint>
#include <memory>

#include <pixnerd/core/memory.hpp>

namespace pixnerd {

/// Uninitialized elements from the pool, handed out piece by piece, each aligned to 64 bytes.
template <class T>
class Scratch {
 public:
  /// Room for `pieces` pieces of `count` elements together.
  Scratch(std::int64_t count, int pieces)
      : storage_(allocate_bytes<Cpu>(static_cast<std::size_t>(count) * sizeof(T) +
                                     64 * static_cast<std::size_t>(pieces))),
        next_(storage_.get()) {}

  T* take(std::int64_t count) {
    T* piece = reinterpret_cast<T*>(next_);
    next_ += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return piece;
  }

 private:
  std::shared_ptr<std::byte> storage_;
  std::byte* next_;
};

}  // namespace pixnerd
