// SPDX-License-Identifier: MIT
/// \file
/// Tensors as text.
#pragma once

#include <ostream>
#include <string>

#include <pixnerd/tensor/tensor.hpp>

namespace pixnerd {

namespace detail {
template <class T>
void append_elements(std::string& out, const std::vector<T>& values, const Shape& shape, int axis,
                     std::size_t& position) {
  if (axis == shape.rank()) {
    if constexpr (std::same_as<T, bfloat16>) {
      append_to(out, float(values[position++]));
    } else {
      append_to(out, values[position++]);
    }
    return;
  }
  out += '[';
  for (std::int64_t i = 0; i < shape[axis]; ++i) {
    if (i > 0) out += axis + 1 == shape.rank() ? ", " : ",\n";
    append_elements(out, values, shape, axis + 1, position);
  }
  out += ']';
}
}  // namespace detail

/// Element type, shape and device, then the elements in nested brackets: "float32 (2, 2) on cpu\n[[1,
/// 2],\n[3, 4]]".
template <class T, class Device>
std::string to_string(const Tensor<T, Device>& x) {
  std::string out = str_cat(element_name<T>, " ", x.shape(), " on ", Device::name, "\n");
  std::size_t position = 0;
  if (x.defined()) detail::append_elements(out, x.to_host(), x.shape(), 0, position);
  return out;
}

template <class T, class Device>
std::ostream& operator<<(std::ostream& stream, const Tensor<T, Device>& x) {
  return stream << to_string(x);
}

}  // namespace pixnerd
