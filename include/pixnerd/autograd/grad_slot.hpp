// SPDX-License-Identifier: MIT
/// \file
/// The slot that collects the gradient of a tensor during backward.
#pragma once

#include <memory>
#include <utility>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

/// Where an operation's backward puts the gradient of one input. The first contribution is written, later
/// ones are added. The target converts to false if the input wants no gradient.
template <class T>
struct GradTarget {
  T* data = nullptr;
  bool add = false;

  explicit operator bool() const { return data != nullptr; }

  /// Writes or adds one element.
  PIXNERD_HOST_DEVICE void put(std::int64_t i, T value) const {
    data[i] = add ? static_cast<T>(wide_t<T>(data[i]) + wide_t<T>(value)) : value;
  }
};

/// A flat gradient with as many elements as its tensor, so reshaped views share it. The first contribution
/// fixes its element type: the tensor's for activations, float32 for bfloat16 parameters.
template <class Device>
class GradSlot {
 public:
  explicit GradSlot(std::int64_t count) : count_(count) {}

  /// Whether backward has contributed anything.
  bool written() const { return written_; }

  /// Memory for the next contribution, allocated on demand.
  template <class T>
  GradTarget<T> target() {
    if (data_ == nullptr && count_ > 0) {
      storage_ = allocate_bytes<Device>(static_cast<std::size_t>(count_) * sizeof(T));
      data_ = storage_.get();
      element_size_ = sizeof(T);
    }
    check<T>();
    // An empty gradient has no memory, yet counts as written.
    return {reinterpret_cast<T*>(data_), std::exchange(written_, true)};
  }

  /// Contributes a gradient that nobody else needs: if it is the first contribution, takes over its memory
  /// instead of copying it. Otherwise does nothing and returns false; the caller must then add it.
  template <class T>
  PIXNERD_NOINLINE bool adopt(const Tensor<T, Device>& gradient) {
    if (written_ || data_ != nullptr) return false;
    storage_ = gradient.storage();
    data_ = reinterpret_cast<std::byte*>(gradient.data());
    element_size_ = sizeof(T);
    written_ = true;
    return true;
  }

  /// Collects the gradient in the given memory: a parameter's part of its store, or a test's pre-filled
  /// buffer.
  template <class T>
  void bind(const Tensor<T, Device>& memory, bool written = false) {
    if (memory.count() != count_) {
      raise<ShapeError>("gradient", str_cat(count_, " elements of memory"), str_cat(memory.count()));
    }
    storage_ = memory.storage();
    data_ = reinterpret_cast<std::byte*>(memory.data());
    element_size_ = sizeof(T);
    written_ = written;
  }

  /// The collected gradient in the shape of its tensor; undefined if nothing was contributed.
  template <class T>
  Tensor<T, Device> gradient(const Shape& shape) const {
    if (!written_) return {};
    check<T>();
    return Tensor<T, Device>(storage_, reinterpret_cast<T*>(data_), shape);
  }

  /// Drops the contributions: the next one writes. Bound memory stays bound.
  void clear() { written_ = false; }

  /// Drops contributions and memory.
  void release() {
    clear();
    storage_ = nullptr;
    data_ = nullptr;
  }

 private:
  template <class T>
  void check() const {
    if (data_ != nullptr && element_size_ != sizeof(T)) {
      raise<ValueError>("gradient", str_cat("elements of ", element_size_, " bytes"),
                        str_cat(element_name<T>));
    }
  }

  std::int64_t count_;
  std::shared_ptr<std::byte> storage_;
  std::byte* data_ = nullptr;
  std::size_t element_size_ = 0;
  bool written_ = false;
};

/// The target of an input's gradient; false if the input wants none.
template <class T, class Device>
PIXNERD_NOINLINE GradTarget<T> grad_target(const std::shared_ptr<GradSlot<Device>>& slot) {
  return slot ? slot->template target<T>() : GradTarget<T>{};
}

/// Makes x a leaf whose gradient is wanted.
template <class T, class Device>
void require_grad(Tensor<T, Device>& x) {
  if (!x.slot()) x.set_slot(std::make_shared<GradSlot<Device>>(x.count()));
}

/// The gradient of a leaf, collected by backward; undefined before the first contribution.
/// Gradients of intermediate tensors are freed while backward runs.
template <class T, class Device>
Tensor<wide_t<T>, Device> grad(const Tensor<T, Device>& x) {
  return x.slot() ? x.slot()->template gradient<wide_t<T>>(x.shape()) : Tensor<wide_t<T>, Device>{};
}

/// Drops the gradient of a leaf, so the next backward starts from nothing.
template <class T, class Device>
void clear_grad(const Tensor<T, Device>& x) {
  if (x.slot()) x.slot()->clear();
}

}  // namespace pixnerd
