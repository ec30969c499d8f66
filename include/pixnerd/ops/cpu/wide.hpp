// SPDX-License-Identifier: MIT
/// \file
/// Makes a CPU kernel that is written for float and double work for bfloat16: operands are widened and
/// results rounded in separate passes. Costs memory and time for bfloat16, nothing for float and double.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>

#include <pixnerd/autograd/grad_slot.hpp>
#include <pixnerd/core/memory.hpp>
#include <pixnerd/core/thread_pool.hpp>

namespace pixnerd {

/// Whether T is its own wide type, so that kernels compute on its elements directly.
template <class T>
inline constexpr bool is_wide = std::same_as<T, wide_t<T>>;

namespace detail {

template <class W>
std::shared_ptr<std::byte> wide_memory(std::int64_t count) {
  return allocate_bytes<Cpu>(static_cast<std::size_t>(count) * sizeof(W));
}

template <class From, class To>
PIXNERD_NOINLINE void put_converted(std::int64_t count, const From* from, GradTarget<To> to) {
  parallel_ranges(count, 16384, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to.put(i, static_cast<To>(from[i]));
  });
}

}  // namespace detail

/// `count` elements as wide_t<T>: the elements themselves or a widened copy. Null stays null.
template <class T>
class WideInput {
 public:
  using W = wide_t<T>;

  WideInput(const T* values, std::int64_t count) {
    if constexpr (is_wide<T>) {
      data_ = values;
    } else if (values != nullptr) {
      storage_ = detail::wide_memory<W>(count);
      auto* copy = reinterpret_cast<W*>(storage_.get());
      detail::put_converted(count, values, GradTarget<W>{copy});
      data_ = copy;
    }
  }

  const W* data() const { return data_; }

 private:
  std::shared_ptr<std::byte> storage_;
  const W* data_ = nullptr;
};

/// Where a kernel writes `count` elements of wide_t<T>: the target itself, or memory that store() rounds into
/// the target. A false target stays false.
template <class T>
class WideOutput {
 public:
  using W = wide_t<T>;

  WideOutput(GradTarget<T> target, std::int64_t count) : target_(target), count_(count) {
    if constexpr (is_wide<T>) {
      wide_ = target;
    } else if (target) {
      storage_ = detail::wide_memory<W>(count);
      wide_ = {reinterpret_cast<W*>(storage_.get())};
    }
  }

  GradTarget<W> target() const { return wide_; }
  W* data() const { return wide_.data; }

  /// Must be called once, after the kernel.
  void store() const {
    if constexpr (!is_wide<T>) {
      if (target_) detail::put_converted(count_, static_cast<const W*>(wide_.data), target_);
    }
  }

 private:
  GradTarget<T> target_;
  GradTarget<W> wide_;
  std::int64_t count_;
  std::shared_ptr<std::byte> storage_;
};

}  // namespace pixnerd
