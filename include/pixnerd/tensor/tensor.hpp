// SPDX-License-Identifier: MIT
/// \file
/// Tensor: a contiguous, row-major array on a device. A value that shares its memory when copied.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <pixnerd/core/device.hpp>
#include <pixnerd/core/element.hpp>
#include <pixnerd/core/error.hpp>
#include <pixnerd/core/memory.hpp>
#include <pixnerd/core/shape.hpp>

namespace pixnerd {

template <class Device>
class GradSlot;  // autograd/grad_slot.hpp

/// Shared storage, an offset into it, a shape and, if a gradient is wanted, the slot that collects it.
/// Copying a Tensor copies the handle, not the elements; use copy() for those.
template <class T, class Device = Cpu>
class Tensor {
 public:
  using value_type = T;
  using device_type = Device;

  /// No memory and no elements; defined() is false.
  Tensor() = default;

  /// Uninitialized elements. Throws ShapeError for 2^63 bytes or more, OutOfMemory when the allocation fails.
  PIXNERD_NOINLINE explicit Tensor(const Shape& shape)
      : storage_(allocate_bytes<Device>(bytes_of(shape))),
        data_(reinterpret_cast<T*>(storage_.get())),
        shape_(shape),
        defined_(true) {}

  /// A view of existing memory that starts at `data`; `storage` keeps it alive.
  Tensor(std::shared_ptr<std::byte> storage, T* data, const Shape& shape)
      : storage_(std::move(storage)), data_(data), shape_(shape), defined_(true) {}

  /// Copies values from the host. Throws ShapeError unless there are shape.count() of them.
  PIXNERD_NOINLINE static Tensor from_host(const Shape& shape, std::span<const T> values) {
    if (static_cast<std::int64_t>(values.size()) != shape.count()) {
      raise<ShapeError>("tensor", str_cat(shape.count(), " values for the shape ", shape),
                        str_cat(values.size()));
    }
    Tensor out(shape);
    MemoryTransfer<Device>::from_host(out.data(), values.data(), values.size_bytes());
    return out;
  }

  /// All elements equal to `value`.
  static Tensor full(const Shape& shape, T value) {
    Tensor out(shape);
    MemoryTransfer<Device>::fill(out.data(), out.count(), value);
    return out;
  }

  static Tensor zeros(const Shape& shape) {
    Tensor out(shape);
    out.zero();
    return out;
  }

  bool defined() const { return defined_; }
  const Shape& shape() const { return shape_; }
  std::int64_t size(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  std::int64_t count() const { return defined_ ? shape_.count() : 0; }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * sizeof(T); }
  T* data() const { return data_; }
  const std::shared_ptr<std::byte>& storage() const { return storage_; }

  void zero() const { MemoryTransfer<Device>::zero(data_, bytes()); }

  std::vector<T> to_host() const {
    std::vector<T> out(static_cast<std::size_t>(count()));
    MemoryTransfer<Device>::to_host(out.data(), data_, bytes());
    return out;
  }

  /// The only element of a one-element tensor.
  T item() const {
    if (count() != 1) raise<ShapeError>("item", "a tensor with one element", str_cat("the shape ", shape_));
    T out;
    MemoryTransfer<Device>::to_host(&out, data_, sizeof(T));
    return out;
  }

  /// The same elements in the same order under another shape. Shares memory and gradient.
  PIXNERD_NOINLINE Tensor reshape(const Shape& shape) const {
    if (shape.count() != count()) {
      raise<ShapeError>("reshape", str_cat("a shape of ", count(), " elements to view ", shape_),
                        str_cat(shape));
    }
    Tensor out = *this;
    out.shape_ = shape;
    return out;
  }

  /// Rows [begin, end) of the outermost axis, sharing memory. The view has no gradient; slice() and split()
  /// have.
  PIXNERD_NOINLINE Tensor rows(std::int64_t begin, std::int64_t end) const {
    if (rank() == 0 || begin < 0 || end < begin || end > size(0)) {
      raise<ShapeError>("rows", str_cat("a range within the outermost axis of ", shape_),
                        str_cat(begin, " to ", end));
    }
    Tensor out = detach();
    out.shape_[0] = end - begin;
    out.data_ = data_ + begin * shape_.count(1, rank());
    return out;
  }

  /// The same memory without a gradient slot.
  PIXNERD_NOINLINE Tensor detach() const {
    Tensor out = *this;
    out.slot_ = nullptr;
    return out;
  }

  /// The gradient slot, or null if no gradient is wanted.
  const std::shared_ptr<GradSlot<Device>>& slot() const { return slot_; }
  void set_slot(std::shared_ptr<GradSlot<Device>> slot) { slot_ = std::move(slot); }

 private:
  static std::size_t bytes_of(const Shape& shape) {
    const auto count = static_cast<std::size_t>(shape.count());
    if (count > static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max()) / sizeof(T)) {
      raise<ShapeError>("tensor", "fewer than 2^63 bytes", str_cat(shape));
    }
    return count * sizeof(T);
  }

  std::shared_ptr<std::byte> storage_;
  T* data_ = nullptr;
  Shape shape_;
  bool defined_ = false;
  std::shared_ptr<GradSlot<Device>> slot_;
};

/// The same elements in memory of their own, without a gradient slot.
template <class T, class Device>
Tensor<T, Device> copy(const Tensor<T, Device>& x) {
  Tensor<T, Device> out(x.shape());
  MemoryTransfer<Device>::copy(out.data(), x.data(), x.bytes());
  return out;
}

/// Overwrites the elements of `to` with those of `from`. Throws ShapeError when their shapes differ.
template <class T, class Device>
void copy_into(const Tensor<T, Device>& to, const Tensor<T, Device>& from) {
  if (!(to.shape() == from.shape()))
    raise<ShapeError>("copy_into", str_cat("the shape ", to.shape()), str_cat(from.shape()));
  MemoryTransfer<Device>::copy(to.data(), from.data(), from.bytes());
}

}  // namespace pixnerd
